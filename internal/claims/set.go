package claims

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Declaration is the claims that one resource server declares for tokens meant for it.
type Declaration struct {
	Audience string    `json:"audience"`
	Claims   []Mapping `json:"claims"`
}

// Origin is who declares a claim: the client, or a resource server of the audience.
type Origin struct {
	Audience string // "" is the client
}

// Claim is an evaluated claim.
type Claim struct {
	Name   string
	Value  json.RawMessage
	Origin Origin
}

// Fault is a declared claim that could not be evaluated.
type Fault struct {
	Name   string
	Err    error // ErrOversized, or what went wrong in the expression
	Origin Origin
}

// Set is what the tokens of a client say besides. It is safe for concurrent use; a nil one is
// empty.
type Set struct {
	declared []declared
	compiler *Compiler
	compile  sync.Once
}

type declared struct {
	Mapping
	origin   Origin
	template node // nil when it cannot be read
	fault    error
	lower    string // the name, as names are compared
	allowed  []Token
}

// NewSet returns the claims of a client and of the resource servers that its tokens may be for,
// which only the installation's own may declare: the caller leaves the others out. What is
// declared is compiled when it is first needed, by c, which may be nil.
func NewSet(c *Compiler, client []Mapping, resources []Declaration) *Set {
	s := &Set{compiler: c}
	for _, r := range resources {
		for _, m := range r.Claims {
			s.declared = append(s.declared, declared{Mapping: m, origin: Origin{r.Audience}})
		}
	}
	for _, m := range client {
		s.declared = append(s.declared, declared{Mapping: m})
	}
	if len(s.declared) == 0 {
		return nil
	}
	return s
}

// Declares reports whether tokens of the kind can say more.
func (s *Set) Declares(t Token) bool {
	return s != nil && slices.ContainsFunc(s.declared, func(d declared) bool { return d.in(t) })
}

// Mapping returns what was declared under the name.
func (s *Set) Mapping(name string, o Origin) (Mapping, bool) {
	if s != nil {
		for _, d := range s.declared {
			if d.Name == name && d.origin == o {
				return d.Mapping, true
			}
		}
	}
	return Mapping{}, false
}

// Evaluate returns the claims of a token with these facts, in an order that is the same each
// time: those of the resource servers of the audience, in its order, then those of the client. A
// name that is declared twice is the first's. A claim whose value is null is left out, as
// OpenID Connect Core 1.0 §5.3.2 has it; what cannot be evaluated is left out and returned.
func (s *Set) Evaluate(t Token, f Facts) (out []Claim, faults []Fault) {
	if !s.Declares(t) {
		return nil, nil
	}
	s.compile.Do(func() {
		for i := range s.declared {
			d := &s.declared[i]
			d.template, d.fault = s.compiler.template(d.Value)
			d.lower = strings.ToLower(d.Name)
			// Reserved names were refused when they were declared; a restored backup or a newer
			// list of them must not change what a token means.
			for _, t := range []Token{AccessToken, IDToken} {
				if d.in(t) && !Reserved(d.Name, t) {
					d.allowed = append(d.allowed, t)
				}
			}
		}
	})
	names := f.names()
	var taken []string
	for _, origin := range append(origins(f.Audience), Origin{}) {
		for _, d := range s.declared {
			if d.origin != origin || !slices.Contains(d.allowed, t) || slices.Contains(taken, d.lower) {
				continue
			}
			taken = append(taken, d.lower)
			value, err := []byte(nil), d.fault
			if err == nil {
				value, err = d.template.write(nil, names)
			}
			switch {
			case err != nil:
				faults = append(faults, Fault{d.Name, err, origin})
			case string(value) != "null":
				out = append(out, Claim{d.Name, value, origin})
			}
		}
	}
	return out, faults
}

func origins(audience []string) []Origin {
	out := make([]Origin, 0, len(audience)+1)
	for _, a := range audience {
		out = append(out, Origin{a})
	}
	return out
}
