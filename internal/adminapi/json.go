package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// formats are the one format that is spoken. Every refusal is about the form alone: it repeats
// nothing of what was sent.
func formats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: readJSON}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// readJSON reads a body: once into an any, which is checked against the schema, and then into the
// struct. What the two would understand differently is refused the first time.
func readJSON(body []byte, v any) error {
	_, first := v.(*any)
	if first {
		if !utf8.Valid(body) {
			return errors.New("is not UTF-8 (RFC 8259 §8.1)")
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber() // of any size: its digits are for the schema
		if err := oneMeaning(d, false, maxNesting); err != nil {
			return err
		}
	}
	err := json.Unmarshal(body, v)
	mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case err == nil:
		return nil
	case ok && strings.HasPrefix(mistyped.Value, "number"):
		return errors.New("holds a number that is out of range")
	case first:
		return errNoJSON
	}
	return errors.New("holds a value that is none of the kind asked for")
}

// maxNesting is how deep a body may nest.
const maxNesting = 100

var (
	errNoJSON = errors.New("is not JSON, or nested too deeply")
	errTwice  = errors.New("holds an object with two members of one name (RFC 8259 §4)")
)

// oneMeaning reads the next value and refuses objects with two members of one name: the last of
// them would count, and only one would have been checked. As encoding/json takes any case for a
// field, names that differ in case alone are the same, except in what is free in form.
func oneMeaning(d *json.Decoder, free bool, depth int) error {
	if depth == 0 {
		return errNoJSON
	}
	token, err := d.Token()
	if err != nil {
		return ended(err)
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			if err := oneMeaning(d, free, depth-1); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return ended(err)
			}
			name, _ := token.(string)
			key := name
			if !free {
				key = folded(name)
			}
			if seen[key] {
				return errTwice
			}
			seen[key] = true
			if err := oneMeaning(d, free || name == "attributes" || name == "value", depth-1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token() // what closes it
	return ended(err)
}

// folded returns the same text for all that strings.EqualFold takes for an ASCII name.
func folded(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "\u017f", "s") // the Kelvin sign is k in lower case
}

// ended says nothing of where and with what a text went wrong.
func ended(err error) error {
	if err == nil {
		return nil
	}
	return errNoJSON
}
