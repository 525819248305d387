package manifest

import "strings"

// Version is the version of the format, which a document states.
const Version = 1

// shape is what a field holds.
type shape int

const (
	text    shape = iota // string
	truth                // bool
	number               // json.Number
	set                  // []string whose order means nothing
	list                 // []string in order
	grants               // permissions by audience: []string of "audience slug", as set
	object               // map[string]any
	objects              // []any of map[string]any
)

// field is one field of a kind, under the name that the API has for it.
type field struct {
	name  string
	shape shape
	birth bool // heeded when the thing is made and never afterwards
	fixed bool // cannot be changed once the thing is there
	late  bool // set once the thing and all others are there
	said  bool // exported even when it is zero, for the API would choose something else
}

// kind is a kind of thing that can be declared.
type kind struct {
	noun   string // for people
	key    string // the field that a thing is known by in its collection
	fields []field
	below  []*collection
	bare   bool // a thing may be written as its key alone
	kept   bool // never deleted
}

// collection is a list of things of one kind.
type collection struct {
	name string // its key in the document
	of   *kind
}

func (k *kind) field(name string) (field, bool) {
	for _, f := range k.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// The names of the collections.
const (
	resourceServers = "resource_servers"
	permissions     = "permissions"
	roleTemplates   = "role_templates"
	tenants         = "tenants"
	roles           = "roles"
	members         = "members"
	users           = "users"
	clients         = "clients"
	secrets         = "secrets"
	connectors      = "connectors"
	domains         = "domains"
)

// format is everything that a document can declare, in the order in which people read it.
func format() []*collection {
	permission := &kind{noun: "permission", key: "slug", bare: true, fields: []field{{name: "description"}}}
	role := &kind{noun: "role", key: "name", bare: true, fields: []field{
		{name: "description"}, {name: "includes", shape: set, late: true}, {name: "permissions", shape: grants},
	}}
	member := &kind{noun: "member", key: "email", fields: []field{
		{name: "roles", shape: set}, {name: "attributes", shape: object}, {name: "suspended", shape: truth, late: true},
	}}
	secret := &kind{noun: "secret", key: fingerprint}
	// A client secret is never shown, so one that differs cannot be told: it is heeded at birth, and with another
	// issuer.
	provider := func(more ...field) *kind {
		return &kind{noun: "connector", key: "slug", fields: append(more, []field{
			{name: "kind", fixed: true}, {name: "name"}, {name: "issuer"}, {name: "client_id"}, {name: "client_secret", birth: true},
			{name: "scopes", shape: set}, {name: "hosted_domains", shape: set},
			{name: "assume_verified", shape: truth}, {name: "authoritative", shape: truth}, {name: "provision", shape: truth},
			{name: "default_roles", shape: set}, {name: "groups_claim"}, {name: "role_mappings", shape: objects},
			{name: "keep_tokens", shape: truth}, {name: "hidden", shape: truth}, {name: "disabled", shape: truth},
		}...)}
	}
	domain := &kind{noun: "domain", key: "domain", bare: true, fields: []field{{name: "connector"}, {name: "verified", shape: truth}}}
	template := &kind{noun: "role template", key: "name", fields: []field{{name: "description"}, {name: "permissions", shape: grants}}}
	return []*collection{
		{resourceServers, &kind{noun: "resource server", key: "audience", fields: []field{
			{name: "name"}, {name: "tenant", fixed: true}, {name: "claims", shape: objects}, {name: "signing_algorithm"},
		}, below: []*collection{{permissions, permission}}}},
		{roleTemplates, template},
		{tenants, &kind{noun: "tenant", key: "slug", fields: []field{
			{name: "name"}, {name: "attributes", shape: object}, {name: "disabled", shape: truth, late: true},
			{name: "only_connectors", shape: truth, late: true},
		}, below: []*collection{{roles, role}, {members, member}, {connectors, provider()}, {domains, domain}}}},
		{connectors, provider(field{name: "joins"})},
		{users, &kind{noun: "user", key: "email", kept: true, fields: []field{
			{name: "name"}, {name: "given_name"}, {name: "family_name"}, {name: "picture"}, {name: "locale"},
			{name: "email_verified", shape: truth}, {name: "disabled", shape: truth},
			{name: "password", birth: true}, {name: "password_hash", birth: true},
		}}},
		{clients, &kind{noun: "client", key: "id", fields: []field{
			{name: "name"}, {name: "tenant", fixed: true}, {name: "auth_method"},
			{name: "redirect_uris", shape: set}, {name: "post_logout_redirect_uris", shape: set}, {name: "origins", shape: set},
			{name: "grant_types", shape: set, said: true}, {name: "scopes", shape: set}, {name: "audiences", shape: list},
			{name: "serves_audience"}, {name: "skip_consent", shape: truth}, {name: "pkce_optional", shape: truth},
			{name: "id_token_algorithm"}, {name: "access_token_lifetime", shape: number},
			{name: "policy_uri"}, {name: "terms_uri"}, {name: "claims", shape: objects}, {name: "disabled", shape: truth, late: true},
		}, below: []*collection{{secrets, secret}}}},
	}
}

// fingerprint is the field by which a secret is told from others without being shown.
const fingerprint = "fingerprint"

// secretField reports whether a field's value stands in the environment or in a file, never in
// the document.
func secretField(name string) bool {
	return name == "password" || name == "password_hash" || name == "client_secret"
}

// The things that every installation has, which no document makes or deletes.
const (
	adminAudience = "urn:signet:admin"
	cliClient     = "signet-cli"
	ownTenant     = "signet"
)

// Document is what a file declares, or what an installation holds in the same form.
type Document struct {
	// Complete names the collections of which the document knows every thing.
	Complete []string
	things   map[string]*things // by collection
}

// things is a collection as it is declared.
type things struct {
	line  int
	list  []*thing
	index map[string]*thing // by folded key; the first of each
}

func (t *things) add(x *thing) {
	t.list = append(t.list, x)
	if t.index == nil {
		t.index = map[string]*thing{}
	}
	if t.index[x.kind.fold(x.key)] == nil {
		t.index[x.kind.fold(x.key)] = x
	}
}

// find returns the thing of a key, nil when there is none.
func (t *things) find(k *kind, key string) *thing {
	if t == nil {
		return nil
	}
	return t.index[k.fold(key)]
}

// fold returns a key as it is compared: addresses without regard to case.
func (k *kind) fold(key string) string {
	if k.key == "email" {
		return strings.ToLower(key)
	}
	return key
}

// thing is one thing: the fields that are declared and no others.
type thing struct {
	kind   *kind
	key    string
	line   int
	fields map[string]value
	below  map[string]*things // only those that are declared

	id string // by which the server knows it, when that is not the key
}

// value is what a field holds: string, bool, json.Number, []string, map[string]any or []any, as
// its shape says.
type value struct {
	v    any
	line int
}
