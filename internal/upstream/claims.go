package upstream

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// errJSON says nothing of what was read: it may be secret.
var errJSON = errors.New("no JSON object, or an ambiguous one")

// object is a JSON object whose members were told apart strictly: none occurs twice, at any depth,
// and names that differ in case are different names.
type object map[string]json.RawMessage

func readObject(data []byte) (object, error) {
	o := make(object, 16)
	err := keys.Members(string(data), func(name, value string) error {
		o[name] = json.RawMessage(value)
		return nil
	})
	if err != nil {
		return nil, errJSON
	}
	return o, nil
}

// has reports whether there is such a member; null is none.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// text returns a member that is a string; "" if there is none, or it is something else.
func (o object) text(name string) string {
	raw, ok := o[name]
	if !ok {
		return ""
	}
	return text(raw)
}

func text(raw json.RawMessage) string {
	s, err := keys.Text(string(raw))
	if err != nil {
		return ""
	}
	return s
}

// texts returns a member that is a list of strings, or one string; ok is false if there is none, or
// it is something else.
func (o object) texts(name string) (list []string, ok bool) { return texts(o[name]) }

func texts(raw json.RawMessage) (list []string, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	if raw[0] == '"' {
		s, err := keys.Text(string(raw))
		return []string{s}, err == nil
	}
	var entries []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &entries) != nil {
		return nil, false
	}
	list = make([]string, 0, len(entries))
	for _, e := range entries {
		s, err := keys.Text(string(e))
		if err != nil {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// flag returns a member that is true or false; known is false if there is none, or it is something
// else.
func (o object) flag(name string) (value, known bool) {
	switch string(o[name]) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// moment returns a member that is a NumericDate (RFC 7519 §2). It is zero if there is none; ok is
// false if it is something else, or no time that a clock will show.
func (o object) moment(name string) (at time.Time, ok bool) {
	if !o.has(name) {
		return time.Time{}, true
	}
	var seconds float64
	if json.Unmarshal(o[name], &seconds) != nil || seconds < 1 || seconds > 1<<40 {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

// find returns the member of that name or, if there is none, the one that names joined by dots lead
// to.
func (o object) find(path string) (json.RawMessage, bool) {
	if raw, ok := o[path]; ok {
		return raw, true
	}
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return nil, false
	}
	inner, err := readObject(o[name])
	if err != nil {
		return nil, false
	}
	return inner.find(rest)
}
