package apptest

import (
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// TenantID finds a tenant by its slug.
func (a *App) TenantID(t testing.TB, slug string) id.Tenant {
	t.Helper()
	tenant, err := a.DB.Directory().FindTenant(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	return tenant.ID
}

// AddConnector stores a connector, of the tenant that it names or of the installation, with the
// secret of its client, and returns what was stored. The application knows of it a moment later:
// Browser.Through waits for that.
func (a *App) AddConnector(t testing.TB, c connector.Connector, s secret.Text) connector.Connector {
	t.Helper()
	now := time.Now()
	c = c.WithDefaults()
	c.ID, c.CreatedAt, c.UpdatedAt = id.NewConnector(now), now, now
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	master, err := envelope.ParseMaster(secret.New(MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	if c.Secret, err = connector.NewKeeper(envelope.New(master)).SealSecret(c.ID, s); err != nil {
		t.Fatal(err)
	}
	console := admin.Actor{Client: "console", Installation: true, Permissions: []string{admin.InstallationManage}}
	stored, _, err := a.DB.Connectors().Create(t.Context(), admin.Act{
		Actor: console, Event: audit.Event{At: now, Action: audit.ConnectorCreated, Actor: console.String(), Detail: map[string]string{}},
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}
