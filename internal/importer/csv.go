package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRecord is the longest record of a CSV file, in bytes. A quotation mark that is never closed
// would otherwise take the rest of the file into memory.
const maxRecord = 64 * 1024

// CSVColumns returns the columns that a CSV file may have, in the order in which they are
// documented. The first is required.
func CSVColumns() []string {
	return []string{
		"email", "email_verified", "name", "given_name", "family_name", "locale", "picture",
		"password_hash", "tenant", "roles", "disabled",
	}
}

// CSV reads people from a CSV file (RFC 4180) in UTF-8, with a header. See CSVColumns.
type CSV struct {
	in       *bufio.Reader
	comma    rune
	columns  []string
	tenant   string
	line     int          // of the last line read
	record   bytes.Buffer // the one being read
	fields   *bufio.Reader
	finished bool
}

// NewCSV reads the header of r. Columns are separated by commas, or by semicolons or tabs when
// the header has no comma. A column that is not known, or one that is there twice, is refused as
// errdefs.ErrInvalid: a misspelt one would silently lose what is in it. tenant is the slug for
// rows that name none; "" makes them people without a membership.
func NewCSV(r io.Reader, tenant string) (*CSV, error) {
	c := &CSV{in: bufio.NewReaderSize(r, 64*1024), comma: ',', tenant: tenant, fields: bufio.NewReaderSize(nil, 4096)}
	head, _ := c.in.Peek(3)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = c.in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, invalid("the file is in UTF-16: save it as UTF-8")
	}
	if err := c.readRecord(); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, invalid("the file is empty: its first line names the columns")
		}
		return nil, err
	}
	text := c.record.String()
	if !strings.Contains(text, ",") {
		for _, comma := range ";\t" {
			if strings.ContainsRune(text, comma) {
				c.comma = comma
			}
		}
	}
	columns, err := c.parse()
	if err != nil {
		return nil, invalid("line 1: %s", err)
	}
	for i, name := range columns {
		columns[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(CSVColumns(), columns[i]) {
			return nil, invalid("line 1: no column %q: the columns are %s", shorten(name), strings.Join(CSVColumns(), ", "))
		}
		if slices.Contains(columns[:i], columns[i]) {
			return nil, invalid("line 1: column %q is there twice", columns[i])
		}
	}
	if !slices.Contains(columns, "email") {
		return nil, invalid("line 1: there is no column email: the columns are %s", strings.Join(CSVColumns(), ", "))
	}
	c.columns = columns
	return c, nil
}

// Next returns the next entry. Blank lines are passed over.
func (c *CSV) Next() (Entry, error) {
	for {
		first := c.line + 1
		if err := c.readRecord(); err != nil {
			return Entry{}, err
		}
		if len(bytes.TrimSpace(c.record.Bytes())) == 0 {
			continue
		}
		e := Entry{At: fmt.Sprintf("line %d", first)}
		if c.line > first {
			e.At = fmt.Sprintf("lines %d to %d", first, c.line)
		}
		fields, err := c.parse()
		if err == nil {
			e.Row, err = c.row(fields)
		}
		if err != nil {
			e.Reason = err.Error()
		}
		return e, nil
	}
}

// readRecord reads the lines of one record: those up to where every quotation mark is closed.
// Records are told apart by that alone, so that a line between quotation marks is not taken for a
// record when something is wrong with the one that it is in.
func (c *CSV) readRecord() error {
	c.record.Reset()
	first, open := c.line+1, false
	for {
		if c.finished {
			if open {
				return invalid("line %d: a quotation mark that is opened here is never closed", first)
			}
			return io.EOF
		}
		c.line++
		for {
			part, err := c.in.ReadSlice('\n')
			open = open != (bytes.Count(part, []byte{'"'})%2 == 1)
			c.record.Write(part)
			if c.record.Len() > maxRecord {
				return invalid("line %d: longer than %d bytes; is there a quotation mark that is never closed?", first, maxRecord)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if errors.Is(err, io.EOF) {
				c.finished = true
			} else if err != nil {
				return fmt.Errorf("line %d: %w", c.line, err)
			}
			break
		}
		if !open && (c.record.Len() > 0 || !c.finished) {
			return nil
		}
	}
}

// parse splits the record into its fields.
func (c *CSV) parse() ([]string, error) {
	if !utf8.Valid(c.record.Bytes()) {
		return nil, invalid("not UTF-8")
	}
	c.fields.Reset(bytes.NewReader(c.record.Bytes()))
	r := csv.NewReader(c.fields)
	r.Comma, r.FieldsPerRecord = c.comma, len(c.columns)
	fields, err := r.Read()
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return nil, invalid("%d columns where the header has %d", len(fields), len(c.columns))
	case err != nil:
		return nil, invalid("the quotation marks do not match: write one inside of a field twice")
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, invalid("the quotation marks do not match: write one inside of a field twice")
	}
	return fields, nil
}

func (c *CSV) row(fields []string) (Row, error) {
	var (
		r     Row
		m     = Membership{Tenant: c.tenant}
		err   error
		texts = map[string]*string{
			"email": &r.Email, "name": &r.Name, "given_name": &r.GivenName, "family_name": &r.FamilyName,
			"locale": &r.Locale, "picture": &r.Picture, "password_hash": &r.PasswordHash,
		}
		flags = map[string]*bool{"email_verified": &r.EmailVerified, "disabled": &r.Disabled}
	)
	for i, name := range c.columns {
		value := strings.TrimSpace(fields[i])
		switch text, flag := texts[name], flags[name]; {
		case text != nil:
			*text = value
		case flag != nil:
			if *flag, err = parseBool(name, value); err != nil {
				return Row{}, err
			}
		case name == "tenant" && value != "":
			m.Tenant = value
		case name == "roles":
			m.Roles = strings.FieldsFunc(value, func(c rune) bool { return c == ';' || c == ' ' })
		}
	}
	if m.Tenant != "" {
		r.Memberships = []Membership{m}
	} else if len(m.Roles) > 0 {
		return r, invalid("roles without a tenant")
	}
	return r, nil
}

func parseBool(column, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "yes", "1", "t", "y":
		return true, nil
	case "", "false", "no", "0", "f", "n":
		return false, nil
	}
	return false, invalid("%s: use true or false", column)
}
