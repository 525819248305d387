package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// check says what is wrong with a document by itself: what is there twice, and what it refers to
// among its own. All else is the server's to say.
func check(d *Document) []Fault {
	c := &checker{}
	for _, of := range format() {
		c.unique(of, d.things[of.name])
	}
	if t := d.things[tenants]; t != nil {
		for _, tenant := range t.list {
			c.tenant(tenant)
		}
	}
	return c.faults
}

type checker struct{ faults []Fault }

func (c *checker) fault(line int, format string, args ...any) {
	c.faults = append(c.faults, Fault{line, fmt.Sprintf(format, args...)})
}

func (c *checker) unique(of *collection, list *things) {
	if list == nil {
		return
	}
	for _, t := range list.list {
		if first := list.find(of.of, t.key); first != t {
			c.fault(t.line, "the %s %s is there twice, first on line %d", of.of.noun, t.key, first.line)
		}
		for _, below := range of.of.below {
			c.unique(below, t.below[below.name])
		}
	}
}

// tenant checks references between a tenant's roles and members, where the document has all roles.
func (c *checker) tenant(t *thing) {
	c.domains(t)
	known := t.below[roles]
	if known == nil {
		return
	}
	refer := func(x *thing, field string) {
		names, _ := x.fields[field].v.([]string)
		mappings, _ := x.fields[field].v.([]any)
		for _, m := range mappings {
			if m, ok := m.(map[string]any); ok {
				names = append(names, fmt.Sprint(m["role"]))
			}
		}
		for _, name := range names {
			if known.role(name) == nil {
				c.fault(x.fields[field].line, "%s: the tenant %s has no role %s", field, t.key, name)
			}
		}
	}
	for _, role := range known.list {
		refer(role, "includes")
	}
	if cycle := includesItself(known); cycle != nil {
		c.fault(cycle[0].fields["includes"].line, "includes: the role %s would include itself, through %s", cycle[0].key, cycle[len(cycle)-1].key)
	}
	if m := t.below[members]; m != nil {
		for _, member := range m.list {
			refer(member, "roles")
		}
	}
	if p := t.below[connectors]; p != nil {
		for _, provider := range p.list {
			refer(provider, "default_roles")
			refer(provider, "role_mappings")
		}
	}
}

// domains demands the spelling under which the server has a domain.
func (c *checker) domains(t *thing) {
	list := t.below[domains]
	if list == nil {
		return
	}
	for _, d := range list.list {
		if d.key != strings.ToLower(d.key) {
			c.fault(d.line, "the domain %s: write it in lower case", d.key)
		}
	}
}

// includesItself returns a chain of roles whose last includes the first; nil for none.
func includesItself(list *things) []*thing {
	done := map[string]bool{}
	var visit func(path []*thing) []*thing
	visit = func(path []*thing) []*thing {
		last := path[len(path)-1]
		for _, name := range last.includes() {
			if i := slices.IndexFunc(path, func(t *thing) bool { return t.key == name }); i >= 0 {
				return path[i:]
			}
			if next := list.role(name); next != nil && !done[name] {
				if cycle := visit(append(slices.Clone(path), next)); cycle != nil {
					return cycle
				}
			}
		}
		done[last.key] = true
		return nil
	}
	for _, t := range list.list {
		if cycle := visit([]*thing{t}); cycle != nil {
			return cycle
		}
	}
	return nil
}

// role finds a role by its name.
func (t *things) role(name string) *thing { return t.index[name] }

func (t *thing) includes() []string {
	names, _ := t.fields["includes"].v.([]string)
	return names
}
