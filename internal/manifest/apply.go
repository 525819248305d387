package manifest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/pkg/adminclient"
)

// MadeSecret is a secret that the server made for a client whose document names none. It is known
// this once.
type MadeSecret struct {
	Client string
	Secret secret.Text
}

// Oversized is what makes tokens too large, so that they leave something out.
type Oversized struct {
	Step     string // "role acme/clerk"
	Forecast adminclient.TokenForecast
}

// Options say how a plan is applied.
type Options struct {
	AllowLoss bool             // else a plan that loses something is refused as a whole
	Done      func(*Step)      // called after each step; may be nil
	Made      func(MadeSecret) // called for each secret that the server made; may be nil
	Oversized func(Oversized)  // called for each forecast that is over the budget; may be nil
}

// Comparison is a document beside what a server has.
type Comparison struct {
	Plan   *Plan
	remote *remote
}

// Compare reads what the server has and returns what has to be done. It changes nothing.
func Compare(ctx context.Context, api *adminclient.Client, d *Document) (*Comparison, error) {
	r := newRemote(api)
	current, err := r.read(ctx, d)
	if err != nil {
		return nil, err
	}
	plan, err := diff(d, current)
	if err != nil {
		return nil, err
	}
	return &Comparison{Plan: plan, remote: r}, nil
}

// Apply makes it so. A plan that loses something is a *LossError, unless that is allowed; then
// nothing was changed. Any other error ends it where it is: applying the document again goes on
// from there. What somebody else changed since Compare is errdefs.ErrConflict.
func (c *Comparison) Apply(ctx context.Context, o Options) error {
	if losses := c.Plan.Losses(); len(losses) > 0 && !o.AllowLoss {
		return &LossError{losses}
	}
	if o.Done == nil {
		o.Done = func(*Step) {}
	}
	a := &application{remote: c.remote, Options: o}
	err := a.all(ctx, ordered(c.Plan.Steps))
	for _, made := range c.remote.made {
		if o.Made != nil {
			o.Made(made)
		}
	}
	for _, large := range c.remote.oversized {
		if o.Oversized != nil {
			o.Oversized(large)
		}
	}
	if stopped, ok := errors.AsType[*StepError](err); ok {
		stopped.Done, stopped.Of = a.done, len(c.Plan.Steps)
	}
	return err
}

// StepError is where an application ended.
type StepError struct {
	Step     string // "role acme/clerk"
	Err      error
	Done, Of int // steps
}

// Error returns the step and what was wrong with it.
func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *StepError) Unwrap() error { return e.Err }

type application struct {
	*remote
	Options
	done  int
	later []func(context.Context) error
}

func (a *application) all(ctx context.Context, steps []*Step) error {
	late := false
	for _, s := range steps {
		// What needs all others to be there comes before anything is taken away.
		if !late && s.phase() >= phaseLate {
			late = true
			if err := a.catchUp(ctx); err != nil {
				return err
			}
		}
		if err := a.step(ctx, s); err != nil {
			return &StepError{Step: s.Name(), Err: err}
		}
		a.done++
		a.Done(s)
	}
	return a.catchUp(ctx)
}

func (a *application) catchUp(ctx context.Context) error {
	for _, f := range a.later {
		if err := f(ctx); err != nil {
			return err
		}
	}
	a.later = nil
	return nil
}

func (a *application) step(ctx context.Context, s *Step) error {
	v := verbsOf(s.Noun)
	switch s.Action {
	case Create:
		return a.create(ctx, v, s)
	case Change:
		etag, err := a.unchanged(ctx, v, s)
		if err != nil {
			return err
		}
		fields := map[string]any{}
		for _, d := range s.Fields {
			fields[d.Field] = d.v
		}
		return v.update(ctx, a.remote, s, etag, fields)
	default:
		etag, err := a.unchanged(ctx, v, s)
		if err != nil {
			return err
		}
		return v.remove(ctx, a.remote, s, etag)
	}
}

// unchanged returns the entity tag of a thing that is still as it was when the plan was made.
func (a *application) unchanged(ctx context.Context, v verbs, s *Step) (etag string, err error) {
	if v.get == nil {
		return "", nil
	}
	now, etag, err := v.get(ctx, a.remote, s)
	if err != nil {
		return "", err
	}
	for _, f := range s.kind.fields {
		if !equal(or(now.fields[f.name].v, f.shape), or(s.current.fields[f.name].v, f.shape)) {
			return "", errdefs.Say(errdefs.ErrConflict, nil, "somebody changed its %s since the plan was made: apply the document again", f.name)
		}
	}
	return etag, nil
}

func or(v any, s shape) any {
	if v == nil {
		return s.zero()
	}
	return v
}

// create makes a thing. What a creation does not take, or what needs others first, follows later.
func (a *application) create(ctx context.Context, v verbs, s *Step) error {
	if s.Noun == "secret" && s.above != nil && a.firstSecret(s) {
		return nil // made together with its client
	}
	now, later := map[string]any{}, map[string]any{}
	for name, x := range s.desired.fields {
		f, known := s.kind.field(name)
		if known && f.late {
			if !equal(x.v, f.shape.zero()) {
				later[name] = x.v
			}
			continue
		}
		now[name] = x.v
	}
	if s.Noun == "role" {
		exists, err := a.ofTemplate(ctx, v, s, now)
		if err != nil || exists {
			return a.andLater(v, s, later, err)
		}
	}
	if err := v.create(ctx, a.remote, s, now); err != nil {
		return err
	}
	if s.Noun == "tenant" {
		if err := a.settle(ctx, s); err != nil {
			return err
		}
	}
	return a.andLater(v, s, later, nil)
}

func (a *application) andLater(v verbs, s *Step, later map[string]any, err error) error {
	if err == nil && len(later) > 0 {
		a.later = append(a.later, func(ctx context.Context) error {
			_, etag, err := v.get(ctx, a.remote, s)
			if err == nil {
				err = v.update(ctx, a.remote, s, etag, later)
			}
			if err != nil {
				return &StepError{Step: s.Name(), Err: err}
			}
			return nil
		})
	}
	return err
}

// settle takes the roles that a new tenant got from the templates and that the document, which
// says which roles there are, does not have. Nobody can have held them.
func (a *application) settle(ctx context.Context, s *Step) error {
	declared := s.desired.below[roles]
	if declared == nil {
		return nil
	}
	k := s.kind.lower(roles)
	there, err := a.roles(ctx, k, s.last())
	if err != nil {
		return err
	}
	for _, role := range there.list {
		if declared.find(k, role.key) == nil {
			if err := a.api.DeleteRole(ctx, s.last(), role.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofTemplate changes a role that its new tenant got from a template into what is declared.
func (a *application) ofTemplate(ctx context.Context, v verbs, s *Step, fields map[string]any) (exists bool, err error) {
	if !s.aboveNew {
		return false, nil
	}
	_, etag, err := v.get(ctx, a.remote, s)
	switch {
	case adminclient.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	for _, f := range s.kind.fields { // it is declared as a whole: there was none before
		if _, declared := fields[f.name]; !declared && !f.late {
			fields[f.name] = f.shape.zero()
		}
	}
	return true, v.update(ctx, a.remote, s, etag, fields)
}

// firstSecret reports whether a secret was given to its client when that was made.
func (a *application) firstSecret(s *Step) bool {
	return s.current == nil && s.aboveNew && s.above.below[secrets].list[0] == s.desired
}

// The phases of an application: what others need comes first, and goes last.
const (
	phaseServer = iota
	phasePermission
	phaseTemplate
	phaseTenant
	phaseTenantServer
	phaseTenantPermission
	phaseRole
	phaseConnector
	phaseDomain
	phaseUser
	phaseMember
	phaseClient
	phaseSecret
	phaseLate // and now what is taken away
	phaseMemberGone
	phaseClientGone
	phaseDomainGone
	phaseConnectorGone
	phaseRoleGone
	phaseTemplateGone
	phasePermissionGone
	phaseServerGone
	phaseTenantGone
)

func (s *Step) phase() int {
	owned := func(t *thing) bool { return t != nil && t.fields["tenant"].v != nil && t.fields["tenant"].v != "" }
	if s.Action == Delete {
		return map[string]int{
			"member": phaseMemberGone, "client": phaseClientGone, "role": phaseRoleGone, "role template": phaseTemplateGone,
			"permission": phasePermissionGone, "resource server": phaseServerGone, "tenant": phaseTenantGone, "secret": phaseSecret,
			"domain": phaseDomainGone, "connector": phaseConnectorGone,
		}[s.Noun]
	}
	switch s.Noun {
	case "resource server":
		if owned(s.desired) {
			return phaseTenantServer
		}
	case "permission":
		if owned(s.above) {
			return phaseTenantPermission
		}
	}
	return map[string]int{
		"resource server": phaseServer, "permission": phasePermission, "role template": phaseTemplate, "tenant": phaseTenant,
		"role": phaseRole, "user": phaseUser, "member": phaseMember, "client": phaseClient, "secret": phaseSecret,
		"connector": phaseConnector, "domain": phaseDomain,
	}[s.Noun]
}

// ordered returns the steps in the order in which they can be done.
func ordered(steps []*Step) []*Step {
	out := slices.Clone(steps)
	slices.SortStableFunc(out, func(a, b *Step) int {
		return cmp.Or(cmp.Compare(a.phase(), b.phase()), cmp.Compare(a.turn(), b.turn()))
	})
	return rotations(out)
}

// turn orders steps of one phase: roles are created before any is made to include them; who gets
// a role gets it before another loses it, or a tenant would be without administrator in between; a
// role that includes others goes before those.
func (s *Step) turn() int {
	switch {
	case s.Action == Create:
		return 0
	case s.Action == Change && !slices.ContainsFunc(s.Fields, func(d Difference) bool { return len(d.Removed) > 0 || d.To == "true" }):
		return 1
	case s.Action == Change:
		return 2
	case s.Noun == "role" && len(s.current.includes()) > 0:
		return 3
	}
	return 4
}

// rotations has a client's secrets added as long as there is room for two, and taken away in turn
// with them when there is not.
func rotations(steps []*Step) []*Step {
	adds, removes := map[string][]*Step{}, map[string][]*Step{}
	var order []string
	var out, rest []*Step
	for _, s := range steps {
		if s.Noun != "secret" {
			if s.phase() > phaseSecret {
				rest = append(rest, s)
			} else {
				out = append(out, s)
			}
			continue
		}
		c := s.Path[0]
		if adds[c] == nil && removes[c] == nil {
			order = append(order, c)
		}
		if s.Action == Create {
			adds[c] = append(adds[c], s)
		} else {
			removes[c] = append(removes[c], s)
		}
	}
	for _, c := range order {
		n := 0
		if len(removes[c]) > 0 {
			n = removes[c][0].siblings
		} else if len(adds[c]) > 0 {
			n = adds[c][0].siblings
		}
		for len(adds[c])+len(removes[c]) > 0 {
			if len(adds[c]) > 0 && (n < 2 || len(removes[c]) == 0) {
				out, adds[c] = append(out, adds[c][0]), adds[c][1:]
				n++
				continue
			}
			out, removes[c] = append(out, removes[c][0]), removes[c][1:]
			n--
		}
	}
	return append(out, rest...)
}
