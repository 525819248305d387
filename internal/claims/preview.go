package claims

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/keys"
)

// Request names the tokens to preview.
type Request struct {
	Tenant    id.Tenant
	User      id.User // zero: the client's own tokens, as a machine
	Client    string
	Resources []string // as the resource parameter; empty means the client's default
	Scopes    []string
}

// Preview is what tokens would say.
type Preview struct {
	Access Previewed
	ID     *Previewed // nil when there would be none
}

// Previewed is what one token would say.
type Previewed struct {
	Payload   json.RawMessage // exactly, but for what Varying names
	Algorithm keys.Algorithm  // that the token would be signed with
	Bytes     int             // of the token that the payload makes, about
	Audience  []string        // whose permissions it holds
	Declared  []Explained
	Varying   []string // claims that are different in each token
	Omitted   []Omitted
	ForPerson bool
}

// Explained is a declared claim of a token and what it is made of.
type Explained struct {
	Name   string
	Origin Origin
	Value  json.RawMessage // the template
	Reads  []string        // facts, as user.email
}

// Omitted is a claim that a token leaves out, and why.
type Omitted struct{ Name, Reason string }

// Explain returns what declared claims of a token are made of.
func (s *Set) Explain(declared []Claim) []Explained {
	var out []Explained
	for _, c := range declared {
		m, ok := s.Mapping(c.Name, c.Origin)
		if !ok {
			continue
		}
		e := Explained{Name: c.Name, Origin: c.Origin, Value: m.Value}
		if t, err := parseTemplate(m.Value); err == nil {
			e.Reads = reads(t)
		}
		out = append(out, e)
	}
	return out
}

// reads returns the facts that the expressions of a template name, sorted.
func reads(n node) []string {
	f := &facts{}
	f.collect(n)
	slices.Sort(f.paths)
	f.paths = slices.Compact(f.paths)
	// user.email is a member of user, which is not read as such.
	return slices.DeleteFunc(slices.Clone(f.paths), func(p string) bool {
		return slices.ContainsFunc(f.paths, func(q string) bool { return strings.HasPrefix(q, p+".") })
	})
}

type facts struct{ paths []string }

func (f *facts) collect(n node) {
	look := func(root ast.Node) { ast.Walk(&root, f) }
	switch n := n.(type) {
	case whole:
		look(n.Node())
	case mixed:
		for _, p := range n {
			if p.expr != nil {
				look(p.expr.Node())
			}
		}
	case array:
		for _, e := range n {
			f.collect(e)
		}
	case record:
		for _, e := range n.values {
			f.collect(e)
		}
	}
}

// Visit notes what a node names.
func (f *facts) Visit(n *ast.Node) {
	if p := pathOf(*n); p != "" {
		f.paths = append(f.paths, p)
	}
}

func pathOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if _, ok := environment()[n.Value]; ok {
			return n.Value
		}
	case *ast.ChainNode:
		return pathOf(n.Node)
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		if base := pathOf(n.Node); ok && base != "" {
			return base + "." + property.Value
		}
	}
	return ""
}

// Granted says who gave something and when: usr_…, the id of a client, or installation.
type Granted struct {
	By string
	At time.Time
}

// Provenance is where what a person holds in a tenant comes from, read at one moment.
type Provenance struct {
	Membership  Granted
	Roles       map[string]Granted  // held directly
	Reaches     map[string][]string // roles that these include, by the role that is held
	Permissions []Bundled
}

// Bundled is a permission in a role.
type Bundled struct {
	Role, Audience, Slug string
	Granted              Granted
}

// Path is one reason why a token says a role or a permission: the membership holds Held, which is
// Role or includes it, which bundles Permission.
type Path struct {
	Membership Granted
	Held       string
	HeldSince  Granted
	Role       string
	Permission *Bundled // nil of a role
}

// OfRole returns every reason for a role, those that hold it directly first.
func (p Provenance) OfRole(role string) []Path {
	var direct, included []Path
	for held, granted := range p.Roles {
		path := Path{Membership: p.Membership, Held: held, HeldSince: granted, Role: role}
		switch {
		case held == role:
			direct = append(direct, path)
		case slices.Contains(p.Reaches[held], role):
			included = append(included, path)
		}
	}
	slices.SortFunc(included, func(a, b Path) int { return strings.Compare(a.Held, b.Held) })
	return append(direct, included...)
}

// OfPermission returns every reason for a permission of one of the audiences.
func (p Provenance) OfPermission(audiences []string, slug string) []Path {
	var out []Path
	for _, b := range p.Permissions {
		if b.Slug != slug || !slices.Contains(audiences, b.Audience) {
			continue
		}
		for _, path := range p.OfRole(b.Role) {
			path.Permission = &b
			out = append(out, path)
		}
	}
	return out
}
