package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Keycloak reads the people of a file of an export. Service accounts of clients are skipped.
type Keycloak struct {
	s       *scanner
	export  *Export
	file    exportFile
	at      int // which of the file's realms is being read
	entry   int // of its users
	state   keycloakState
	inArray bool // the file is an array of realms
}

type keycloakState int

const (
	beforeFile keycloakState = iota
	betweenRealms
	inRealm
	inUsers
	afterFile
)

// People returns the source of the people in a file, by the order in which files were surveyed.
func (x *Export) People(file int, r io.Reader) *Keycloak {
	return &Keycloak{s: newScanner(r), export: x, file: x.files[file], at: -1}
}

// LeftOut says what of the people read so far is not carried over, each with how many people it
// concerns, in a stable order.
func (x *Export) LeftOut() []string {
	var out []string
	for what, n := range x.leftOut {
		out = append(out, fmt.Sprintf("%s (%d)", what, n))
	}
	slices.Sort(out)
	return out
}

// realm returns the index of the realm that is being read.
func (k *Keycloak) realm() int { return k.file.realms[k.at] }

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
		more, err := k.s.more(']', k.at < 0)
		if err != nil {
			return err
		}
		if !more {
			k.state = afterFile
			return k.s.end()
		}
	} else if k.at >= 0 {
		k.state = afterFile
		return k.s.end()
	}
	k.at++
	if k.at >= len(k.file.realms) {
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
	realm := k.export.Realms[k.realm()]
	e := Entry{At: fmt.Sprintf("users[%d]", k.entry)}
	if k.file.name != "" {
		e.At = fmt.Sprintf("%s, %s", k.file.name, e.At)
	} else if realm.Name != "" {
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
		return e, nil //nolint:nilerr // it is in the entry
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
	rules := k.export.rules[k.realm()]
	var names []string
	for _, role := range u.RealmRoles {
		known, ok := rules.direct[role]
		if !ok && rules.peopleAlone {
			if name, kept := rules.called(role); kept {
				names = append(names, name)
			}
			continue
		}
		if !ok && !builtIn(role, k.export.Realms[k.realm()].Name) {
			return nil, invalid("the file does not describe the realm role %q", shorten(role))
		}
		names = append(names, known...)
	}
	for _, path := range u.Groups {
		name, ok := rules.groups[path]
		if !ok && rules.peopleAlone {
			name, ok = rules.grouped(path), true
		}
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
			k.export.leftOut[what.what]++
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
