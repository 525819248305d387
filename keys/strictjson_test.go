package keys_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signet-id/signet/keys"
)

// members collects what Members yields.
func members(data string) (map[string]string, error) {
	m := map[string]string{}
	err := keys.Members(data, func(name, value string) error {
		m[name] = value
		return nil
	})
	return m, err
}

// reference reads an object by encoding/json, and is what Members is measured against.
func reference(data []byte, depth int) (map[string]string, error) {
	if depth > 32 {
		return nil, errors.New("too deep")
	}
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errors.New("not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	m := map[string]string{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("duplicate member %q", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if err := referenceValue(value, depth); err != nil {
			return nil, err
		}
		m[name] = string(value)
	}
	return m, nil
}

func referenceValue(value json.RawMessage, depth int) error {
	switch value[0] {
	case '{':
		_, err := reference(value, depth+1)
		return err
	case '[':
		if depth+1 > 32 {
			return errors.New("too deep")
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return err
		}
		for _, e := range elements {
			if err := referenceValue(e, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestMembers(t *testing.T) {
	t.Parallel()
	many := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"n%d":%d,`, i, i)
		}
		return `{` + b.String() + `"` + last + `":0}`
	}
	for _, c := range []struct {
		name, data string
		ok         bool
	}{
		{"an empty object", `{}`, true},
		{"white space everywhere", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } ", true},
		{"every kind of value", `{"a":"s","b":-1.5e+3,"c":true,"d":false,"e":null,"f":[],"g":[[1],{"h":"i"}],"j":0,"k":1E2}`, true},
		{"every escape", `{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"}`, true},
		{"a surrogate on its own, as encoding/json has it", `{"a":"\ud800"}`, true},
		{"the same name at two levels", `{"a":{"a":{"a":1}}}`, true},
		{"the same name in two objects of an array", `{"a":[{"b":1},{"b":2}]}`, true},
		{"a name of an object before it", `{"x":{"a":1},"a":2,"y":[{"a":3}]}`, true},
		{"names that differ in case", `{"a":1,"A":2}`, true},
		{"an empty name", `{"":1}`, true},
		{"32 levels", strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat(`}`, 32), true},
		{"33 levels", strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33), false},
		{"33 levels of arrays", `{"a":` + strings.Repeat(`[`, 32) + strings.Repeat(`]`, 32) + `}`, false},
		{"a thousand members", many(1000, "x"), true},
		{"a duplicate among a thousand", many(1000, "n7"), false},
		{"a late duplicate among a thousand", many(1000, "n998"), false},
		{"a duplicate among 32", many(32, "n31"), false},
		{"a duplicate among 33", many(33, "n32"), false},
		{"a duplicate name", `{"a":1,"a":1}`, false},
		{"a duplicate behind an escape", `{"a":1,"\u0061":1}`, false},
		{"a duplicate empty name", `{"":1,"":1}`, false},
		{"a duplicate in a nested object", `{"a":{"b":1,"b":2}}`, false},
		{"a duplicate in an object of an array", `{"a":[1,{"b":1,"b":2}]}`, false},
		{"a duplicate after a nested object", `{"a":{"b":1},"a":2}`, false},
		{"nothing", ``, false},
		{"white space only", ` `, false},
		{"null", `null`, false},
		{"an array", `[]`, false},
		{"a string", `"{}"`, false},
		{"trailing data", `{}x`, false},
		{"two objects", `{}{}`, false},
		{"an open object", `{"a":1`, false},
		{"an open array", `{"a":[1`, false},
		{"an open string", `{"a":"`, false},
		{"an open escape", `{"a":"\`, false},
		{"a short unicode escape", `{"a":"\u12"}`, false},
		{"a unicode escape that is not hexadecimal", `{"a":"\u12g4"}`, false},
		{"an unknown escape", `{"a":"\x41"}`, false},
		{"a control character in a string", "{\"a\":\"\x00\"}", false},
		{"a line break in a string", "{\"a\":\"\n\"}", false},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", false},
		{"a byte-order mark", "\ufeff{}", false},
		{"a trailing comma", `{"a":1,}`, false},
		{"a trailing comma in an array", `{"a":[1,]}`, false},
		{"a leading comma", `{,"a":1}`, false},
		{"no comma", `{"a":1 "b":2}`, false},
		{"no colon", `{"a" 1}`, false},
		{"no value", `{"a":}`, false},
		{"a name without quotes", `{a:1}`, false},
		{"a number for a name", `{1:1}`, false},
		{"single quotes", `{'a':1}`, false},
		{"a comment", `{"a":1/**/}`, false},
		{"a leading zero", `{"a":01}`, false},
		{"a leading plus", `{"a":+1}`, false},
		{"a leading point", `{"a":.5}`, false},
		{"a trailing point", `{"a":1.}`, false},
		{"an exponent without digits", `{"a":1e}`, false},
		{"a minus alone", `{"a":-}`, false},
		{"hexadecimal", `{"a":0x1}`, false},
		{"NaN", `{"a":NaN}`, false},
		{"a word in capitals", `{"a":TRUE}`, false},
		{"half a word", `{"a":tru}`, false},
		{"a word and more", `{"a":nullx}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := members(c.data)
			if (err == nil) != c.ok {
				t.Errorf("error = %v", err)
			}
			compare(t, c.data)
		})
	}
}

func TestMembersStopsAtTheVisitorsError(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	var seen []string
	err := keys.Members(`{"a":1,"b":2,"c":3}`, func(name, value string) error {
		seen = append(seen, name+value)
		if name == "b" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(seen, []string{"a1", "b2"}) {
		t.Errorf("visited %v, %v", seen, err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`"a"`: "a", `""`: "", `"\u0061\n"`: "a\n", `"é"`: "é"} {
		if got, err := keys.Text(value); err != nil || got != want {
			t.Errorf("Text(%s) = %q, %v", value, got, err)
		}
	}
	for _, value := range []string{``, `null`, `1`, `["a"]`, `{}`, `true`} {
		if got, err := keys.Text(value); err == nil {
			t.Errorf("Text(%s) = %q", value, got)
		}
	}
}

func compare(t *testing.T, data string) {
	t.Helper()
	got, err := members(data)
	want, wanted := reference([]byte(data), 1)
	if (err == nil) != (wanted == nil) {
		t.Fatalf("%q: error = %v, by encoding/json %v", data, err, wanted)
	}
	if err == nil && !maps.Equal(got, want) {
		t.Fatalf("%q: %q, by encoding/json %q", data, got, want)
	}
	for name, value := range got {
		if err != nil || value[0] != '"' {
			continue
		}
		var text string
		if err := json.Unmarshal([]byte(value), &text); err != nil {
			t.Fatal(err)
		}
		if ours, err := keys.Text(value); err != nil || ours != text {
			t.Fatalf("%q: %q = %q, %v; by encoding/json %q", data, name, ours, err, text)
		}
	}
}

// FuzzMembers: what is accepted, and what it means, is what encoding/json says, with duplicates
// and depth refused.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{"alg":"ES256","kid":"k","typ":"at+jwt"}`, `{"a":[1,{"b":-1.5e3}],"a":null}`, `{"\u0061":"\ud83d\ude00","a":1}`,
		` {"a" : [ ] , "b" : { "c" : true } } `, `{"a":"\ud800","\udfff":0}`, "{\"a\":\"\x7f\xc3\xa9\"}", `{"a":{"b":1,"b":1}}`, `{}{}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) { compare(t, data) })
}
