package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxElement is the longest value that is read as a whole, in bytes.
	maxElement = 1 << 20
	// maxDepth is how deep a value may nest.
	maxDepth = 64
)

var errTooLong = fmt.Errorf("longer than %d bytes", maxElement)

// scanner walks through a JSON text of any size and holds one value of it at most. Values that are
// passed over are checked for balanced brackets alone.
type scanner struct {
	in    *bufio.Reader
	at    int64 // bytes read
	value bytes.Buffer
}

func newScanner(r io.Reader) *scanner {
	s := &scanner{in: bufio.NewReaderSize(r, 64*1024)}
	if head, _ := s.in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = s.in.Discard(3)
		s.at = 3
	}
	return s
}

// fault is an error after which nothing can be read.
func (s *scanner) fault(text string) error {
	return invalid("byte %d: %s", s.at, text)
}

func (s *scanner) read() (byte, error) {
	c, err := s.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, s.fault("the file ends in the middle of its JSON")
	}
	if err != nil {
		return 0, fmt.Errorf("byte %d: %w", s.at, err)
	}
	s.at++
	return c, nil
}

func (s *scanner) unread() {
	_ = s.in.UnreadByte() // always after read
	s.at--
}

// peek returns the next byte that is no blank, without taking it.
func (s *scanner) peek() (byte, error) {
	for {
		c, err := s.read()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			s.unread()
			return c, nil
		}
	}
}

// take takes the byte c, or fails.
func (s *scanner) take(c byte) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return s.fault(fmt.Sprintf("found %q where JSON has %q", got, c))
	}
	_, err = s.read()
	return err
}

// more moves to the next element of an array or object that ends with end; first says that there
// was none before. It reports whether there is one, and takes end when there is not.
func (s *scanner) more(end byte, first bool) (bool, error) {
	c, err := s.peek()
	if err != nil {
		return false, err
	}
	if c == end {
		return false, s.take(end)
	}
	if !first {
		if err := s.take(','); err != nil {
			return false, err
		}
	}
	return true, nil
}

// name takes the name of an object's member and the colon.
func (s *scanner) name() (string, error) {
	if c, err := s.peek(); err != nil || c != '"' {
		return "", errors.Join(err, s.fault("a member without a name"))
	}
	raw, err := s.raw()
	if err != nil {
		return "", err
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return "", s.fault("a name that is not JSON")
	}
	return name, s.take(':')
}

// raw takes the next value and returns its text, which is valid until the next call. A value above
// maxElement is passed over and errTooLong; the scanner is then behind it.
func (s *scanner) raw() ([]byte, error) {
	s.value.Reset()
	tooLong := false
	err := s.walk(func(c byte) {
		if s.value.Len() < maxElement {
			s.value.WriteByte(c)
		} else {
			tooLong = true
		}
	})
	if err != nil {
		return nil, err
	}
	if tooLong {
		return nil, errTooLong
	}
	return s.value.Bytes(), nil
}

// skip passes over the next value.
func (s *scanner) skip() error { return s.walk(nil) }

// walk takes the next value, byte for byte.
func (s *scanner) walk(each func(byte)) error {
	if _, err := s.peek(); err != nil {
		return err
	}
	var stack [maxDepth]byte // the brackets that are open, as those that close them
	depth, inText, escaped := 0, false, false
	for {
		c, err := s.read()
		if err != nil {
			return err
		}
		switch {
		case inText:
			inText = escaped || c != '"'
			escaped = !escaped && c == '\\'
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			if depth == maxDepth {
				return s.fault("nested too deeply")
			}
			stack[depth] = c + 2 // in ASCII, each closes two places after it opens
			depth++
		case c == '}' || c == ']':
			if depth == 0 || stack[depth-1] != c {
				return s.fault(fmt.Sprintf("a %q that closes nothing", c))
			}
			depth--
		case depth == 0 && (c == ',' || c == ':'):
			return s.fault("a value is missing")
		}
		if each != nil {
			each(c)
		}
		if depth > 0 || inText {
			continue
		}
		if c == '"' || c == '}' || c == ']' {
			return nil
		}
		// A number or a word goes on until something else begins.
		next, err := s.in.Peek(1)
		if len(next) == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("byte %d: %w", s.at, err)
		}
		if bytes.IndexByte([]byte(" \t\r\n,]}:"), next[0]) >= 0 {
			return nil
		}
	}
}

// end checks that nothing follows.
func (s *scanner) end() error {
	for {
		c, err := s.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("byte %d: %w", s.at, err)
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return s.fault("something follows the end of the JSON")
		}
		s.at++
	}
}
