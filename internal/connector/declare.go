package connector

import (
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Declaration is a connector of the installation as settings, or whoever installs it, declare it.
type Declaration struct {
	Connector Connector // ID, Joins and Secret are filled in when it is stored
	Joins     string    // slug of the tenant where its people belong; "" for nowhere
	Secret    secret.Text
}

// Check says what is wrong, each fault as an admin.FieldError.
func (d Declaration) Check() error {
	c := d.Connector
	if d.Joins != "" {
		c.Joins = id.TenantFromUUID([16]byte{1}) // whichever it turns out to be
	}
	return c.Check()
}

// Declared is what became of a Declaration, or of a connector that was declared before.
type Declared struct {
	Reference string
	Result    DeclarationResult
	Fault     string // with Faulty: what is wrong and what to do
}

// DeclarationResult says what became of a Declaration.
type DeclarationResult int

// The results.
const (
	Unchanged DeclarationResult = iota
	Created
	Changed
	Released // no longer declared: disabled, and from now on anybody's to edit
	Faulty   // what is stored, if anything, stays as it is
)
