package audit

import (
	"time"

	"github.com/signet-id/signet/internal/id"
)

// Query narrows a list of events. Zero fields narrow nothing.
type Query struct {
	Tenant       id.Tenant
	User         id.User
	Client       string
	Actor        string
	Action       Action    // or the part before its dot, for all acts on one noun
	Since, Until time.Time // from, inclusive, to, exclusive
}

// Access is one way in which a person had access to something: they held a role, which was or
// included the role Through, which bundled the permission, from Since to Until.
type Access struct {
	User       id.User
	Email      string // as of now; "" when the person is no member any more
	Role       string
	Through    string // Role itself, or a role that it included
	GrantedBy  string // who gave the role
	Audience   string // "" with a role that bundled nothing
	Permission string
	Since      time.Time // within what was asked for
	Until      time.Time // within what was asked for, exclusive
}

// Window is the time that a question about access is about: Since inclusive, Until exclusive.
type Window struct{ Since, Until time.Time }

// Day returns the window of a day in UTC.
func Day(at time.Time) Window {
	at = at.UTC()
	from := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	return Window{from, from.AddDate(0, 0, 1)}
}
