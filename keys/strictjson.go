package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// strict refuses non-zero trailing bits, so that one value has one encoding.
var strict = base64.RawURLEncoding.Strict()

// decodeBase64 decodes unpadded base64url (RFC 7515 §2) and refuses the line breaks that
// encoding/base64 skips.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	return strict.DecodeString(s)
}

// object reads the members of one JSON object. Unlike json.Unmarshal it refuses duplicate
// names (RFC 7515 §4 allows that, and two readers choosing differently is an attack), compares
// names exactly, and refuses invalid UTF-8 and trailing data.
func object(data []byte) (map[string]json.RawMessage, error) {
	// The token reader is lenient about syntax that json.Valid refuses.
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errors.New("not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := make(map[string]json.RawMessage, 8)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("duplicate member %q", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	return members, nil
}

// text returns the string member of that name, "" when absent.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", nil
	}
	if len(raw) == 0 || raw[0] != '"' {
		return "", fmt.Errorf("member %q is not a string", name)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("member %q: %w", name, err)
	}
	return s, nil
}
