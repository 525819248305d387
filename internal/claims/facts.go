package claims

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/expr-lang/expr/types"
)

// Facts are what expressions see of an issuance. What does not apply is null: for a machine
// everything about the user, for a machine of the installation also the tenant.
type Facts struct {
	User        *User   // nil for machines
	Tenant      *Tenant // nil for machines of the installation
	Membership  json.RawMessage
	Roles       []string
	Permissions []string // those that belong to the audience
	ClientID    string
	ClientName  string
	Scopes      []string
	Audience    []string // the resource servers
}

// User is the person that a token is about.
type User struct {
	ID, Email                           string
	EmailVerified                       bool
	Name, GivenName, FamilyName, Locale string
}

// Tenant is the organization that a token is of.
type Tenant struct {
	ID, Slug, Name string
	Attributes     json.RawMessage
}

// environment declares the types of what names returns.
func environment() types.Map {
	object, texts := types.TypeOf(map[string]any{}), types.TypeOf([]string{})
	return types.Map{
		"user": types.Map{
			"id": types.String, "email": types.String, "email_verified": types.Bool, "name": types.String,
			"given_name": types.String, "family_name": types.String, "locale": types.String,
		},
		"tenant":     types.Map{"id": types.String, "slug": types.String, "name": types.String, "attributes": object},
		"membership": types.Map{"attributes": object},
		"client":     types.Map{"id": types.String, "name": types.String},
		"roles":      texts, "permissions": texts, "scopes": texts, "audience": texts,
	}
}

// names returns the facts under the names that expressions use.
func (f Facts) names() map[string]any {
	user, tenant := map[string]any{}, map[string]any{"attributes": map[string]any{}}
	if u := f.User; u != nil {
		user = map[string]any{
			"id": u.ID, "email": u.Email, "email_verified": u.EmailVerified, "name": text(u.Name),
			"given_name": text(u.GivenName), "family_name": text(u.FamilyName), "locale": text(u.Locale),
		}
	}
	if t := f.Tenant; t != nil {
		tenant = map[string]any{"id": t.ID, "slug": t.Slug, "name": t.Name, "attributes": object(t.Attributes)}
	}
	return map[string]any{
		"user": user, "tenant": tenant,
		"membership":  map[string]any{"attributes": object(f.Membership)},
		"client":      map[string]any{"id": f.ClientID, "name": text(f.ClientName)},
		"roles":       list(f.Roles),
		"permissions": list(f.Permissions),
		"scopes":      list(f.Scopes),
		"audience":    list(f.Audience),
	}
}

// text is null when there is none.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// object reads attributes, with whole numbers as such.
func object(raw json.RawMessage) map[string]any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out map[string]any
	if len(raw) == 0 || d.Decode(&out) != nil || out == nil {
		return map[string]any{} // it was checked when it was stored
	}
	return plain(out).(map[string]any)
}

// plain replaces numbers as they are written by numbers to calculate with.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case json.Number:
		if n, err := strconv.Atoi(string(v)); err == nil {
			return n
		}
		f, _ := v.Float64() // beyond the range of a float: infinite, which no claim can be
		return f
	}
	return v
}
