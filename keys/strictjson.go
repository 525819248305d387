package keys

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is how deep objects and arrays may nest. Headers, keys and claims need three.
	maxDepth = 32
	// fewNames is the number of members up to which duplicates are found by comparing each with
	// each, without a map. Beyond it the work must not grow with the square.
	fewNames = 32
)

// strict refuses non-zero trailing bits, so that one value has one encoding.
var strict = base64.RawURLEncoding.Strict()

// decodeBase64 decodes unpadded base64url (RFC 7515 §2) and refuses the line breaks that
// encoding/base64 skips.
func decodeBase64(s string) ([]byte, error) {
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return nil, errors.New("line break in base64url")
	}
	return strict.DecodeString(s)
}

// Members reads one JSON object as strictly as Verify reads a header, and calls visit with each
// member in turn: its name, decoded, and its value, still JSON. It stops at the first error that
// visit returns and returns it.
//
// Unlike json.Unmarshal it refuses an object, at any depth, with two members of one name (RFC 7515
// §4 allows that; two readers that choose differently are an attack), does not confuse names that
// differ in case, and refuses invalid UTF-8, trailing data and more than 32 levels. Faults may be
// found after visit was called: do nothing final in it.
func Members(data string, visit func(name, value string) error) error {
	if !utf8.ValidString(data) {
		return errSyntax
	}
	var names [fewNames]string // room enough for nearly every token, without an allocation
	s := scanner{data: data, names: names[:0]}
	s.space()
	if s.peek() != '{' {
		return errors.New("not a JSON object")
	}
	if err := s.object(1, visit); err != nil {
		return err
	}
	s.space()
	if s.at != len(s.data) {
		return errSyntax
	}
	return nil
}

// Text decodes a value that Members yielded, which must be a string; null is none.
func Text(value string) (string, error) {
	if len(value) < 2 || value[0] != '"' {
		return "", errors.New("not a string")
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], nil
	}
	var s string
	err := json.Unmarshal([]byte(value), &s)
	return s, err
}

var errSyntax = errors.New("not valid JSON")

// scanner checks JSON (RFC 8259) in one pass over text that is valid UTF-8.
type scanner struct {
	data  string
	at    int
	names []string // of all objects that are open, the innermost last
}

// peek returns the byte at hand, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

// take consumes c if it is at hand.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// object reads an object whose brace is at hand. visit may be nil.
func (s *scanner) object(depth int, visit func(name, value string) error) error {
	s.at++
	s.space()
	if s.take('}') {
		return nil
	}
	first := len(s.names)
	var many map[string]struct{}
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		if many, err = s.once(name, first, many); err != nil {
			return err
		}
		start := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(name, s.data[start:s.at]); err != nil {
				return err
			}
		}
		s.space()
		if s.take('}') {
			s.names = s.names[:first]
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
		s.space()
	}
}

// name reads a name, the colon and the space behind it.
func (s *scanner) name() (string, error) {
	start := s.at
	if s.peek() != '"' || !s.text() {
		return "", errSyntax
	}
	name, err := Text(s.data[start:s.at])
	if err != nil {
		return "", err
	}
	s.space()
	if !s.take(':') {
		return "", errSyntax
	}
	s.space()
	return name, nil
}

// once notes a name of the object whose names begin at first, and refuses one that is there. many
// is the same names as a set, once there are more than a few.
func (s *scanner) once(name string, first int, many map[string]struct{}) (map[string]struct{}, error) {
	known := false
	if many != nil {
		_, known = many[name]
		many[name] = struct{}{}
	} else {
		for _, n := range s.names[first:] {
			if n == name {
				known = true
				break
			}
		}
		s.names = append(s.names, name)
	}
	if known {
		return nil, fmt.Errorf("duplicate member %.64q", name)
	}
	if many == nil && len(s.names)-first > fewNames {
		many = make(map[string]struct{}, 4*fewNames)
		for _, n := range s.names[first:] {
			many[n] = struct{}{}
		}
	}
	return many, nil
}

// value reads any value within depth objects and arrays.
func (s *scanner) value(depth int) error {
	ok := false
	switch c := s.peek(); c {
	case '{', '[':
		if depth == maxDepth {
			return fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if c == '{' {
			return s.object(depth+1, nil)
		}
		return s.array(depth + 1)
	case '"':
		ok = s.text()
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	if !ok {
		return errSyntax
	}
	return nil
}

// array reads an array whose bracket is at hand.
func (s *scanner) array(depth int) error {
	s.at++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
		s.space()
	}
}

// text reads a string whose quote is at hand (RFC 8259 §7).
func (s *scanner) text() bool {
	for i := s.at + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			n := escape(s.data[i+1:])
			if n == 0 {
				return false
			}
			i += n
		}
	}
	return false
}

// escape returns the length of what follows a backslash, 0 if that is no escape.
func escape(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(s) < 5 {
			return 0
		}
		for _, c := range []byte(s[1:5]) {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 5
	default:
		return 0
	}
}

func (s *scanner) word(w string) bool {
	if !strings.HasPrefix(s.data[s.at:], w) {
		return false
	}
	s.at += len(w)
	return true
}

// number reads a number (RFC 8259 §6).
func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

// digits reads at least one digit.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.data) && '0' <= s.data[s.at] && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// object returns the members of one JSON object; see Members.
func object(data []byte) (map[string]json.RawMessage, error) {
	members := make(map[string]json.RawMessage, 8)
	err := Members(string(data), func(name, value string) error {
		members[name] = json.RawMessage(value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// text returns the string member of that name, "" when absent.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", nil
	}
	s, err := Text(string(raw))
	if err != nil {
		return "", fmt.Errorf("member %q: %w", name, err)
	}
	return s, nil
}
