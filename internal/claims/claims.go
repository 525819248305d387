// Package claims owns declared claims: what tokens say besides what the protocol and this server
// define, written down by the installation as data.
//
// A Mapping names a claim and gives its value as a JSON template, in which ${…} holds an
// expression over the facts of an issuance. There is no code in it: expressions see Facts and
// nothing else, call only the functions listed in language.go, have no effects, and are bounded
// in size, memory and steps. The guide is docs/guides/claims.md; why it is so is
// docs/decisions/0018.
//
//	claims.go    Mapping and what may be declared
//	reserved.go  the names that may not
//	template.go  templates: reading and writing them
//	language.go  expressions: what they may call and how much they may use
//	facts.go     what expressions see
//	compiler.go  templates that are compiled once for all
//	set.go       what a client's tokens get
//	forecast.go  how large a token will be
//	preview.go   what a token would say and why
package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// The bounds of what may be declared, and of what comes of it.
const (
	MaxMappings   = 20   // of one client or resource server
	MaxName       = 200  // bytes of a claim's name
	MaxTemplate   = 4096 // bytes of a template, as JSON
	MaxExpression = 1000 // bytes between ${ and }
	MaxValue      = 2048 // bytes of an evaluated claim, as JSON
)

// Token is a kind of token that may carry declared claims.
type Token string

// The kinds.
const (
	AccessToken Token = "access_token"
	IDToken     Token = "id_token"
)

// Mapping is one declared claim.
type Mapping struct {
	Name string `json:"name"`
	// Value is a template: JSON in which a string that is ${…} and nothing else becomes the
	// value of the expression, whatever its type, and ${…} within other text becomes text. $${
	// is ${ itself.
	Value json.RawMessage `json:"value"`
	// Tokens are the kinds of tokens that carry it; empty means access tokens.
	Tokens []Token `json:"tokens,omitempty"`
}

// in reports whether tokens of the kind carry the claim.
func (m Mapping) in(t Token) bool {
	if len(m.Tokens) == 0 {
		return t == AccessToken
	}
	return slices.Contains(m.Tokens, t)
}

// Check says what is wrong with declared claims; every fault is an errdefs.FieldError whose
// field is the path below the object that has them, as claims[0].value.
func Check(mappings []Mapping) error {
	if len(mappings) > MaxMappings {
		return errdefs.InvalidField("claims", "declare at most %d claims", MaxMappings)
	}
	var faults []error
	names := map[string]bool{}
	for i, m := range mappings {
		at := fmt.Sprintf("claims[%d]", i)
		if err := checkName(m); err != nil {
			faults = append(faults, errdefs.InvalidField(at+".name", "%s", err))
		}
		if names[strings.ToLower(m.Name)] {
			faults = append(faults, errdefs.InvalidField(at+".name", "is declared twice"))
		}
		names[strings.ToLower(m.Name)] = true
		for j, t := range m.Tokens {
			if t != AccessToken && t != IDToken || slices.Contains(m.Tokens[:j], t) {
				faults = append(faults, errdefs.InvalidField(fmt.Sprintf("%s.tokens[%d]", at, j), "use %s or %s, each once", AccessToken, IDToken))
			}
		}
		if err := checkValue(m.Value); err != nil {
			faults = append(faults, errdefs.InvalidField(at+".value", "%s", err))
		}
	}
	return errors.Join(faults...)
}

// Read reads declared claims as they are stored and sent: a JSON array of mappings, or nothing.
func Read(raw json.RawMessage) ([]Mapping, error) {
	if len(raw) == 0 || string(raw) == "[]" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var out []Mapping
	if err := d.Decode(&out); err != nil || d.More() {
		return nil, errdefs.InvalidField("claims", "use a list of objects with name, value and tokens")
	}
	return out, nil
}

// CheckStored is Check for what Read reads.
func CheckStored(raw json.RawMessage) error {
	m, err := Read(raw)
	if err != nil {
		return err
	}
	return Check(m)
}

// checkName says why a claim may not have its name.
func checkName(m Mapping) error {
	if m.Name == "" || len(m.Name) > MaxName {
		return fmt.Errorf("use 1 to %d characters", MaxName)
	}
	for i := range len(m.Name) {
		if c := m.Name[i]; c <= 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return errors.New("use printable ASCII without blanks, quotes and backslashes")
		}
	}
	for _, t := range []Token{AccessToken, IDToken} {
		if m.in(t) && Reserved(m.Name, t) {
			return fmt.Errorf("is reserved in %ss", strings.ReplaceAll(string(t), "_", " "))
		}
	}
	return nil
}

// checkValue says why a template cannot be a claim.
func checkValue(raw json.RawMessage) error {
	t, err := parseTemplate(raw)
	if err != nil {
		return err
	}
	if t.least() > MaxValue {
		return fmt.Errorf("is larger than %d bytes whatever the expressions yield", MaxValue)
	}
	return nil
}
