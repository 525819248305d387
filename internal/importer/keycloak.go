package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/directory"
)

// KeycloakOptions say what becomes of realms and their roles.
type KeycloakOptions struct {
	// Tenant is the slug of the tenant for a file with one realm; "" derives it from the
	// realm's name, as every slug of a file with several.
	Tenant string
	// Roles renames realm roles, and groups by their path ("/staff"); an empty name leaves the
	// role out.
	Roles map[string]string
}

// Export is what an export says beside its people: what has to exist before they are imported.
// Small ones are one file, large ones a file for each realm and many with its people.
type Export struct {
	Realms  []Realm
	options KeycloakOptions
	rules   []roleRules // of each realm
	files   []exportFile
	leftOut map[string]int64
}

// exportFile is a file of an export.
type exportFile struct {
	name   string // "" for the only one
	realms []int  // what it holds, as indices of Export.Realms
}

// Realm is one realm and what it becomes.
type Realm struct {
	Name        string // of the realm; "" in a file that holds users alone
	DisplayName string
	Tenant      string      // slug
	Roles       []RealmRole // none before those that it includes
	Users       int64
	Clients     int // which are not imported
}

// RealmRole is a role of the tenant that a realm becomes: one of the realm's roles, or a group.
type RealmRole struct {
	Name        string
	From        string // the name of the role in the realm, or the path of the group
	Description string
	Includes    []string
}

// Users returns the number of people of all realms, those that will not be imported included.
func (x *Export) Users() (n int64) {
	for _, r := range x.Realms {
		n += r.Users
	}
	return n
}

// SurveyKeycloak surveys an export that is one file.
func SurveyKeycloak(r io.Reader, o KeycloakOptions) (*Export, error) {
	x := NewExport(o)
	if err := x.Survey("", r); err != nil {
		return nil, err
	}
	return x, x.Complete()
}

// NewExport returns an export of which no file was surveyed yet.
func NewExport(o KeycloakOptions) *Export { return &Export{options: o, leftOut: map[string]int64{}} }

// Survey reads a file of the export, one realm or an array of them, and all of it but the people:
// those are counted. name is for messages. Errors are errdefs.ErrInvalid unless reading fails.
//
// Realm roles keep their names, with what no role name may hold replaced by hyphens. A role called
// "admin" becomes "realm-admin", since a tenant's role of that name administers the tenant here; to
// say so is left to KeycloakOptions.Roles. What Keycloak itself puts into every realm is left out,
// and whatever those roles include is held directly. A group becomes a role "group.…" that includes
// the roles of the group and the group above it. Two roles that would get one name are refused.
func (x *Export) Survey(name string, r io.Reader) error {
	file := exportFile{name: name}
	err := walkRealms(newScanner(r), func(s *scanner, _ int) error {
		realm, err := surveyRealm(s)
		if err != nil {
			return err
		}
		i, err := x.add(realm)
		file.realms = append(file.realms, i)
		return err
	})
	if err != nil && name != "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	x.files = append(x.files, file)
	return err
}

// add returns the index of a realm. People that a file has without their realm belong to the one
// of that name.
func (x *Export) add(realm surveyed) (int, error) {
	rules, err := realm.rules(x.options)
	if err != nil {
		return 0, err
	}
	realm.Roles = rules.roles
	for i, known := range x.Realms {
		if known.Name != realm.Name || !realm.peopleAlone && !x.rules[i].peopleAlone {
			continue
		}
		users := known.Users + realm.Users
		if !realm.peopleAlone {
			x.Realms[i], x.rules[i] = realm.Realm, rules
		}
		x.Realms[i].Users = users
		return i, nil
	}
	x.Realms, x.rules = append(x.Realms, realm.Realm), append(x.rules, rules)
	return len(x.Realms) - 1, nil
}

// Complete gives each realm its tenant, once every file was surveyed.
func (x *Export) Complete() error {
	o := x.options
	if o.Tenant != "" && len(x.Realms) > 1 {
		return invalid("there are %d realms: each becomes a tenant of its own, named after it", len(x.Realms))
	}
	for i := range x.Realms {
		realm := &x.Realms[i]
		switch {
		case o.Tenant != "":
			realm.Tenant = o.Tenant
		case realm.Name == "":
			return invalid("the file does not name its realm: say which tenant its users belong to")
		default:
			realm.Tenant = slug(realm.Name)
		}
		if directory.CheckSlug(realm.Tenant) != nil || realm.Tenant == admin.InstallationTenant {
			return invalid("realm %q: no tenant can be called %q: choose another slug", shorten(realm.Name), shorten(realm.Tenant))
		}
		for _, other := range x.Realms[:i] {
			if other.Tenant == realm.Tenant {
				return invalid("realms %q and %q would both become the tenant %s", shorten(other.Name), shorten(realm.Name), realm.Tenant)
			}
		}
	}
	return nil
}

// slug makes a slug of a realm's name.
func slug(name string) string {
	s := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(name))
	s = strings.Trim(s[:min(len(s), 63)], "-")
	if s == "" {
		return "realm"
	}
	if directory.CheckSlug(s) != nil { // a reserved word
		return s + "-realm"
	}
	return s
}

// walkRealms calls each with the scanner inside of every realm's object.
func walkRealms(s *scanner, each func(s *scanner, i int) error) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		if err := s.take('{'); err != nil {
			return err
		}
		if err := each(s, 0); err != nil {
			return err
		}
	case '[':
		if err := s.take('['); err != nil {
			return err
		}
		for i := 0; ; i++ {
			more, err := s.more(']', i == 0)
			if err != nil {
				return err
			}
			if !more {
				break
			}
			if err := s.take('{'); err != nil {
				return err
			}
			if err := each(s, i); err != nil {
				return err
			}
		}
	default:
		return s.fault("an export of Keycloak is a JSON object or an array of them")
	}
	return s.end()
}

// surveyed is a realm as its file describes it.
type surveyed struct {
	Realm
	roles       []keycloakRole
	groups      []keycloakGroup
	peopleAlone bool // the file describes neither roles nor groups: those are in another one
}

type keycloakRole struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Composites  struct {
		Realm []string `json:"realm"`
	} `json:"composites"`
}

type keycloakGroup struct {
	Name       string          `json:"name"`
	Path       string          `json:"path"`
	RealmRoles []string        `json:"realmRoles"`
	SubGroups  []keycloakGroup `json:"subGroups"`
}

// surveyRealm reads the members of one realm and its closing brace.
func surveyRealm(s *scanner) (realm surveyed, err error) {
	realm.peopleAlone = true
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil || !more {
			return realm, err
		}
		name, err := s.name()
		if err != nil {
			return realm, err
		}
		switch name {
		case "realm":
			err = s.decode(name, &realm.Name)
		case "displayName":
			err = s.decode(name, &realm.DisplayName)
		case "roles":
			realm.peopleAlone = false
			err = s.object(func(name string) error {
				if name != "realm" {
					return s.skip()
				}
				return each(s, "role", &realm.roles)
			})
		case "groups":
			realm.peopleAlone = false
			err = each(s, "group", &realm.groups)
		case "users":
			err = s.array(func() error { realm.Users++; return s.skip() })
		case "clients":
			err = s.array(func() error { realm.Clients++; return s.skip() })
		default:
			err = s.skip()
		}
		if err != nil {
			return realm, err
		}
	}
}

// object calls visit for each member of the object at hand, or passes over null.
func (s *scanner) object(visit func(name string) error) error {
	if c, err := s.peek(); err != nil || c == 'n' {
		return errors.Join(err, s.skip())
	}
	if err := s.take('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil || !more {
			return err
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
	}
}

// array calls visit before each element of the array at hand, or passes over null.
func (s *scanner) array(visit func() error) error {
	if c, err := s.peek(); err != nil || c == 'n' {
		return errors.Join(err, s.skip())
	}
	if err := s.take('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(']', first)
		if err != nil || !more {
			return err
		}
		if err := visit(); err != nil {
			return err
		}
	}
}

func (s *scanner) decode(what string, into any) error {
	raw, err := s.raw()
	if err != nil && !errors.Is(err, errTooLong) {
		return err
	}
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return s.fault(fmt.Sprintf("%s: %s", what, shape(err)))
	}
	return nil
}

// shape says what is wrong with a value and never what the value is.
func shape(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := wrong.Field
		if field == "" {
			field = "it"
		}
		return fmt.Sprintf("%s is of another kind than in an export of Keycloak (%s)", field, wrong.Value)
	}
	if errors.Is(err, errTooLong) {
		return err.Error()
	}
	return "not JSON"
}

func each[T any](s *scanner, what string, into *[]T) error {
	return s.array(func() error {
		var v T
		if err := s.decode(what, &v); err != nil {
			return err
		}
		*into = append(*into, v)
		return nil
	})
}

// roleRules say what the roles and groups of a realm become.
type roleRules struct {
	roles       []RealmRole
	direct      map[string][]string // what holding a realm role means, as names of ours
	groups      map[string]string   // path → name of ours; "" for one that is left out
	peopleAlone bool
	called      func(role string) (name string, kept bool)
	grouped     func(path string) string
}

// builtIn reports whether Keycloak puts the role into every realm for purposes of its own.
func builtIn(role, realm string) bool {
	return role == "offline_access" || role == "uma_authorization" || role == "default-roles-"+strings.ToLower(realm)
}

func (r surveyed) rules(o KeycloakOptions) (roleRules, error) {
	called := func(role string) (name string, kept bool) {
		if name, ok := o.Roles[role]; ok {
			return name, name != ""
		}
		switch {
		case builtIn(role, r.Name):
			return "", false
		case role == admin.AdminRole:
			return "realm-" + admin.AdminRole, true
		}
		return roleName(role), true
	}
	grouped := func(path string) string {
		if name, ok := o.Roles[path]; ok {
			return name
		}
		return roleName("group" + strings.ReplaceAll(path, "/", "."))
	}
	rules := roleRules{
		direct: map[string][]string{}, groups: map[string]string{}, peopleAlone: r.peopleAlone, called: called, grouped: grouped,
	}
	byName := make(map[string]keycloakRole, len(r.roles))
	for _, role := range r.roles {
		byName[role.Name] = role
	}
	// means follows what a role that is left out includes, up to roles that are not.
	var means func(role string, seen []string) []string
	means = func(role string, seen []string) (names []string) {
		if name, kept := called(role); kept {
			return []string{name}
		}
		if slices.Contains(seen, role) {
			return nil
		}
		for _, c := range byName[role].Composites.Realm {
			names = append(names, means(c, append(seen, role))...)
		}
		return names
	}
	for _, role := range r.roles {
		rules.direct[role.Name] = means(role.Name, nil)
		name, kept := called(role.Name)
		if !kept {
			continue
		}
		made := RealmRole{Name: name, From: role.Name, Description: described(role.Description)}
		for _, c := range role.Composites.Realm {
			made.Includes = append(made.Includes, means(c, []string{role.Name})...)
		}
		rules.roles = append(rules.roles, made)
	}
	rules.addGroups(r.groups, "", "")
	err := rules.distinct(r.Name)
	return rules, err
}

func (rules *roleRules) addGroups(groups []keycloakGroup, path, above string) {
	for _, g := range groups {
		path := path + "/" + g.Name
		if g.Path != "" {
			path = g.Path // where a slash in a name is escaped
		}
		name := rules.grouped(path)
		rules.groups[path] = name
		next := above
		if name != "" {
			next = name
			made := RealmRole{Name: name, From: path}
			if above != "" {
				made.Includes = []string{above}
			}
			for _, role := range g.RealmRoles {
				made.Includes = append(made.Includes, rules.direct[role]...)
			}
			rules.roles = append(rules.roles, made)
		}
		rules.addGroups(g.SubGroups, path, next)
	}
}

// distinct refuses two roles that would become one, which gave people what they never had, and
// puts roles behind those that they include.
func (rules *roleRules) distinct(realm string) error {
	at := make(map[string]int, len(rules.roles))
	for i, role := range rules.roles {
		if directory.CheckRoleName("", role.Name) != nil {
			return invalid("realm %q: no role can be called %q: rename %q", shorten(realm), shorten(role.Name), shorten(role.From))
		}
		if other, taken := at[role.Name]; taken {
			return invalid("realm %q: %q and %q would both become the role %q: rename one of them", shorten(realm), shorten(rules.roles[other].From), shorten(role.From), role.Name)
		}
		at[role.Name] = i
		slices.Sort(role.Includes)
		rules.roles[i].Includes = slices.DeleteFunc(slices.Compact(role.Includes), func(s string) bool { return s == role.Name })
	}
	var ordered []RealmRole
	const open, done = 1, 2
	state := make([]int, len(rules.roles))
	var visit func(i int) error
	visit = func(i int) error {
		role := rules.roles[i]
		switch state[i] {
		case done:
			return nil
		case open:
			return invalid("realm %q: the role %q includes itself through others: take it out of one of them", shorten(realm), shorten(role.From))
		}
		state[i] = open
		for _, name := range role.Includes {
			if included, ok := at[name]; ok {
				if err := visit(included); err != nil {
					return err
				}
			}
		}
		state[i] = done
		ordered = append(ordered, role)
		return nil
	}
	for i := range rules.roles {
		if err := visit(i); err != nil {
			return err
		}
	}
	rules.roles = ordered
	return nil
}

// roleName makes a role's name of one that is freer.
func roleName(name string) string {
	s := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("-_.:", c):
			return c
		}
		return '-'
	}, name)
	return strings.Trim(s[:min(len(s), directory.MaxRoleName)], "-_.:")
}

// described returns a description, unless it is the key of a translation, as of built-in roles.
func described(text string) string {
	if strings.HasPrefix(text, "${") || !printable(text) {
		return ""
	}
	if r := []rune(text); len(r) > directory.MaxDescription {
		return string(r[:directory.MaxDescription])
	}
	return text
}
