package password

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/signet-id/signet/internal/errdefs"
)

//go:embed common.txt
var common string

// maxBlocklist bounds what an operator's file may take: 100 million entries are 800 MB.
const maxBlocklist = 100_000_000

// Blocklist is a set of refused passwords, held as eight bytes for each: a false positive has
// a chance of one in 10^12 with ten million entries, and cannot be provoked, as the hash is
// keyed for each process. A nil Blocklist holds nothing. It never changes once loaded.
type Blocklist struct {
	seed   maphash.Seed
	hashes []uint64 // sorted
}

// LoadBlocklist reads one password a line, in UTF-8, with or without carriage returns. Blank
// lines and those above 1024 bytes, which no accepted password can equal, are skipped. A
// million lines take about half a second and 8 MB. An error of r is returned wrapped.
func LoadBlocklist(r io.Reader) (*Blocklist, error) {
	b := &Blocklist{seed: maphash.MakeSeed()}
	in := bufio.NewReaderSize(r, 64*1024)
	for {
		line, tooLong, err := readLine(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("password blocklist: %w", err)
		}
		if len(line) == 0 || tooLong {
			continue
		}
		if len(b.hashes) == maxBlocklist {
			return nil, fmt.Errorf("password blocklist: more than %d lines, use a shorter one: %w", maxBlocklist, errdefs.ErrInvalid)
		}
		b.hashes = append(b.hashes, maphash.String(b.seed, fold(string(line))))
	}
	slices.Sort(b.hashes)
	b.hashes = slices.Clip(slices.Compact(b.hashes))
	return b, nil
}

// readLine returns the next line without its end. What exceeds maxInput is read and dropped.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return nil, false, err
		}
		if len(line) == 0 && !more {
			return part, len(part) > maxInput, nil // the common case, without a copy
		}
		if !tooLong {
			line = append(line, part...)
			tooLong = len(line) > maxInput
		}
		if !more {
			return line, tooLong, nil
		}
	}
}

// Len returns how many different passwords are on the list.
func (b *Blocklist) Len() int {
	if b == nil {
		return 0
	}
	return len(b.hashes)
}

func (b *Blocklist) contains(folded string) bool {
	if b == nil {
		return false
	}
	_, found := slices.BinarySearch(b.hashes, maphash.String(b.seed, folded))
	return found
}

func builtinBlocklist() (*Blocklist, error) { return LoadBlocklist(strings.NewReader(common)) }

// common reports whether chars is on the built-in list: as it is, without separators, repeated,
// or as the greater part of it; each also with the usual substitutions undone.
func (r *Rules) common(chars []rune) bool {
	listed := func(form []rune) bool {
		return r.builtin.contains(string(form)) || r.builtin.contains(string(plain(form)))
	}
	base := trimmed(chars)
	unit := chars[:period(chars)]
	return listed(chars) ||
		listed(slices.DeleteFunc(slices.Clone(chars), func(c rune) bool { return !ordered(c) })) ||
		listed(base) && thin(chars, []string{string(base)}) ||
		len(chars) >= 2*len(unit)-1 && (listed(unit) || listed(trimmed(unit)))
}

// trimmed cuts what is not a letter from both ends: the digits and signs that people add.
func trimmed(chars []rune) []rune {
	first := slices.IndexFunc(chars, unicode.IsLetter)
	if first < 0 {
		return nil
	}
	last := len(chars)
	for !unicode.IsLetter(chars[last-1]) {
		last--
	}
	return chars[first:last]
}

// plain undoes the substitutions that people believe to help.
func plain(chars []rune) []rune {
	undo := map[rune]rune{'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', '$': 's', '!': 'i', '€': 'e'}
	out := slices.Clone(chars)
	for i, c := range out {
		if to, ok := undo[c]; ok {
			out[i] = to
		}
	}
	return out
}

// fold brings a text to the form in which passwords are compared with lists and words: NFKC
// and lower case. Hashes are made of the NFC form instead.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(norm.NFKC.String(s))
		}
	}
	return strings.ToLower(s)
}
