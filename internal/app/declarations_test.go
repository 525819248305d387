package app

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// While servers are replaced, one with older settings runs on beside one with newer.
func TestAServerThatTriesAgainLeavesAloneWhatItHasDeclared(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.New(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	master, err := envelope.NewMaster(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	server := func(declared ...connector.Declaration) *declarations {
		d := newDeclarations(Options{Log: slog.New(slog.DiscardHandler), Now: time.Now}, db, envelope.New(master))
		d.declared = declared
		return d
	}
	named := func(slug, client, joins string) connector.Declaration {
		return connector.Declaration{Joins: joins, Connector: connector.Connector{
			Reference: slug, Slug: slug, Kind: connector.OIDC, Name: slug, Issuer: "https://idp.example", ClientID: client, ManagedBy: connector.FromEnvironment,
		}}
	}
	older := server(named("staff", "old", ""), named("partners", "old", "nowhere"))
	if older.declare(t.Context()) {
		t.Fatal("a tenant that does not exist")
	}
	if newer := server(named("staff", "new", ""), named("more", "new", "")); !newer.declare(t.Context()) {
		t.Fatal("the newer settings have a fault")
	}
	if older.declare(t.Context()) {
		t.Fatal("the tenant still does not exist")
	}
	for _, reference := range []string{"staff", "more"} {
		c, err := db.Providers().FindConnector(t.Context(), reference)
		if err != nil || c.ClientID != "new" || !c.Enabled() {
			t.Errorf("%s: %+v, %v", reference, c, err)
		}
	}
}
