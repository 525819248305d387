package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Keycloak reads the people of an export. Service accounts of clients are skipped.
type Keycloak struct {
	s       *scanner
	export  Export
	realm   int // the one being read
	entry   int // of its users
	state   keycloakState
	inArray bool // the file is an array of realms
	leftOut map[string]int64
}

type keycloakState int

const (
	beforeFile keycloakState = iota
	betweenRealms
	inRealm
	inUsers
	afterFile
)

// People returns the source of the people in r, which must be the file that was surveyed.
func (x Export) People(r io.Reader) *Keycloak {
	return &Keycloak{s: newScanner(r), export: x, realm: -1, leftOut: map[string]int64{}}
}

// LeftOut says what of the people read so far is not carried over, each with how many people it
// concerns, in a stable order.
func (k *Keycloak) LeftOut() []string {
	var out []string
	for what, n := range k.leftOut {
		out = append(out, fmt.Sprintf("%s (%d)", what, n))
	}
	slices.Sort(out)
	return out
}

// Next returns the next person.
func (k *Keycloak) Next() (Entry, error) {
	for first := false; ; {
		var err error
		switch k.state {
		case beforeFile:
			err = k.open()
		case betweenRealms:
			err = k.nextRealm()
			first = true
		case inRealm:
			first, err = k.nextMember(first)
		case inUsers:
			more, fault := k.s.more(']', k.entry == 0)
			if fault != nil {
				return Entry{}, fault
			}
			if more {
				return k.person()
			}
			k.state = inRealm
		case afterFile:
			return Entry{}, io.EOF
		}
		if err != nil {
			return Entry{}, err
		}
	}
}

func (k *Keycloak) open() error {
	c, err := k.s.peek()
	if err != nil {
		return err
	}
	k.state = betweenRealms
	if c == '[' {
		k.inArray = true
		return k.s.take('[')
	}
	return nil
}

func (k *Keycloak) nextRealm() error {
	if k.inArray {
		more, err := k.s.more(']', k.realm < 0)
		if err != nil {
			return err
		}
		if !more {
			k.state = afterFile
			return k.s.end()
		}
	} else if k.realm >= 0 {
		k.state = afterFile
		return k.s.end()
	}
	k.realm++
	if k.realm >= len(k.export.Realms) {
		return k.s.fault("the file has changed since it was surveyed")
	}
	k.state = inRealm
	return k.s.take('{')
}

// nextMember passes over members of a realm up to its users. first says that there was none yet.
func (k *Keycloak) nextMember(first bool) (bool, error) {
	more, err := k.s.more('}', first)
	if err != nil {
		return false, err
	}
	if !more {
		k.state = betweenRealms
		return false, nil
	}
	name, err := k.s.name()
	if err != nil {
		return false, err
	}
	if c, err := k.s.peek(); err != nil || name != "users" || c != '[' {
		return false, errors.Join(err, k.s.skip())
	}
	k.state, k.entry = inUsers, 0
	return false, k.s.take('[')
}

// keycloakUser is what is read of a person.
type keycloakUser struct {
	Username        string                     `json:"username"`
	Email           string                     `json:"email"`
	EmailVerified   bool                       `json:"emailVerified"`
	Enabled         bool                       `json:"enabled"` // absent means no, as in Keycloak
	FirstName       string                     `json:"firstName"`
	LastName        string                     `json:"lastName"`
	Attributes      map[string]json.RawMessage `json:"attributes"`
	Credentials     []keycloakCredential       `json:"credentials"`
	RequiredActions []string                   `json:"requiredActions"`
	RealmRoles      []string                   `json:"realmRoles"`
	ClientRoles     map[string][]string        `json:"clientRoles"`
	Groups          []string                   `json:"groups"`
	ServiceAccount  string                     `json:"serviceAccountClientId"`
	FederationLink  string                     `json:"federationLink"`
	Identities      []json.RawMessage          `json:"federatedIdentities"`
}

func (k *Keycloak) person() (Entry, error) {
	realm := k.export.Realms[k.realm]
	e := Entry{At: fmt.Sprintf("users[%d]", k.entry)}
	if realm.Name != "" {
		e.At = fmt.Sprintf("realm %s, %s", shorten(realm.Name), e.At)
	}
	k.entry++
	raw, err := k.s.raw()
	if err != nil && !errors.Is(err, errTooLong) {
		return Entry{}, err
	}
	var u keycloakUser
	if err == nil {
		err = json.Unmarshal(raw, &u)
	}
	if err != nil {
		e.Reason = shape(err)
		return e, nil
	}
	e.Row = u.row()
	switch {
	case u.ServiceAccount != "":
		e.Reason, e.Skipped = "the service account of a client, no person", true
		return e, nil
	case u.Email == "":
		e.Reason = fmt.Sprintf("user %q has no e-mail address", shorten(u.Username))
		return e, nil
	}
	m := Membership{Tenant: realm.Tenant}
	if m.Roles, err = k.roles(u); err == nil {
		e.Row.PasswordHash, err = u.hash()
	}
	if err != nil {
		e.Reason = err.Error()
		return e, nil
	}
	e.Row.Memberships = []Membership{m}
	k.noteLeftOut(u)
	return e, nil
}

func (u keycloakUser) row() Row {
	return Row{
		Email:         u.Email,
		EmailVerified: u.EmailVerified,
		Name:          strings.TrimSpace(u.FirstName + " " + u.LastName),
		GivenName:     strings.TrimSpace(u.FirstName),
		FamilyName:    strings.TrimSpace(u.LastName),
		Locale:        strings.ReplaceAll(u.attribute("locale"), "_", "-"),
		Picture:       u.attribute("picture"),
		Disabled:      !u.Enabled,
	}
}

// attribute returns the one value of an attribute, which is an array in exports and may be a text
// in files that people wrote.
func (u keycloakUser) attribute(name string) string {
	var many []string
	if json.Unmarshal(u.Attributes[name], &many) == nil {
		if len(many) > 0 {
			return many[0]
		}
		return ""
	}
	var one string
	_ = json.Unmarshal(u.Attributes[name], &one) // absent or of another kind: none
	return one
}

// roles returns what the person's roles and groups are called here.
func (k *Keycloak) roles(u keycloakUser) ([]string, error) {
	rules := k.export.rules[k.realm]
	var names []string
	for _, role := range u.RealmRoles {
		known, ok := rules.direct[role]
		if !ok && !builtIn(role, k.export.Realms[k.realm].Name) {
			return nil, invalid("the file does not describe the realm role %q", shorten(role))
		}
		names = append(names, known...)
	}
	for _, path := range u.Groups {
		name, ok := rules.groups[path]
		if !ok {
			return nil, invalid("the file does not describe the group %q", shorten(path))
		}
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// noteLeftOut counts what a person had and will not have.
func (k *Keycloak) noteLeftOut(u keycloakUser) {
	for _, what := range []struct {
		what string
		had  bool
	}{
		{"second factors and passkeys, to be set up again", slices.ContainsFunc(u.Credentials, func(c keycloakCredential) bool { return !c.password() })},
		{"required actions", len(u.RequiredActions) > 0},
		{"roles of clients", len(u.ClientRoles) > 0},
		{"links to other identity providers", len(u.Identities) > 0},
		{"passwords kept by a user federation, to be reset", u.FederationLink != ""},
		{"attributes other than locale and picture", u.otherAttributes()},
	} {
		if what.had {
			k.leftOut[what.what]++
		}
	}
}

func (u keycloakUser) otherAttributes() bool {
	for name := range u.Attributes {
		if name != "locale" && name != "picture" {
			return true
		}
	}
	return false
}
