package dev

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// writeTable tells a person what runs where and how to sign in.
func writeTable(w io.Writer, s State, colour bool) error {
	style := func(code, text string) string {
		if !colour {
			return text
		}
		return code + text + plain
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s\n\n", style(bold, "Signet is running."))
	rows := [][3]string{
		{"Demo application", s.Frontend, "start here"},
		{"Orders API", s.Orders, "audience " + s.Audience},
		{"Identity server", s.Issuer, "the issuer"},
		{"Mail", s.Mail, "what is sent to people"},
		{"Discovery", s.Issuer + "/.well-known/openid-configuration", ""},
		{"Health, metrics", s.Ops + "/readyz", "and /metrics"},
	}
	if s.PartnerInc != nil {
		rows = append(rows, [3]string{partnerName, s.Partner, "a company with an identity server of its own"})
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "  %s  %s", pad(row[0], 16), row[1])
		if row[2] != "" {
			fmt.Fprintf(&b, "  %s", style(faint, row[2]))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	header, people := signIns(s)
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, people...) {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for n, row := range append([][]string{header}, people...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(cell, widths[i])
		}
		line := strings.TrimRight(strings.Join(cells, "  "), " ")
		if n == 0 {
			line = style(faint, line)
		}
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "\n  Clients and their secrets are in %s, the log in %s.\n",
		short(filepath.Join(s.DataDir, stateFile)), short(s.Log))
	fmt.Fprintf(&b, "  Ctrl-C stops everything; data is kept in %s.\n\n", style(bold, short(s.DataDir)))
	_, err := io.WriteString(w, b.String())
	return err
}

// signIns lists people with their roles in each tenant, those of Partner Inc last.
func signIns(s State) (header []string, rows [][]string) {
	var slugs []string
	for _, p := range s.People {
		for slug := range p.Roles {
			if !slices.Contains(slugs, slug) {
				slugs = append(slugs, slug)
			}
		}
	}
	slices.Sort(slugs)
	header = append([]string{"Sign in as", "Password"}, slugs...)
	header = append(header, "")
	list := s.People
	if s.PartnerInc != nil {
		list = append(list[:len(list):len(list)], s.PartnerInc.People...)
	}
	for _, p := range list {
		row := []string{p.Email, p.Password}
		for _, slug := range slugs {
			role := strings.Join(p.Roles[slug], ", ")
			if role == "" {
				role = "-"
			}
			row = append(row, role)
		}
		rows = append(rows, append(row, p.Note))
	}
	return header, rows
}

// short writes a path relative to the working directory when it lies below it.
func short(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

// width counts what takes a column on a terminal: marks lie over the letter before them.
func width(s string) int {
	n := 0
	for _, r := range s {
		if !unicode.Is(unicode.Mn, r) {
			n++
		}
	}
	return n
}
