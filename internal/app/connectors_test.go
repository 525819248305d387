package app_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/postgres/pgtest"
)

// declaredRow is what is stored of a connector, as far as the settings say it.
type declaredRow struct {
	client, managed, joins string
	sealed                 []byte
	enabled, provision     bool
	version                int64
}

func connectorRow(t *testing.T, dsn, reference string) declaredRow {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var r declaredRow
	err = conn.QueryRow(t.Context(), `SELECT c.client_id, c.managed_by, coalesce(t.slug, ''), c.sealed_secret, c.disabled_at IS NULL, c.provision, c.version
		FROM connector c LEFT JOIN tenant t ON t.id = c.joins_tenant_id WHERE c.reference = $1 AND c.tenant_id IS NULL`, reference).
		Scan(&r.client, &r.managed, &r.joins, &r.sealed, &r.enabled, &r.provision, &r.version)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func google(clientID, clientSecret string, more ...apptest.Option) []apptest.Option {
	return append(more, apptest.With("SIGNET_GOOGLE_CLIENT_ID", clientID), apptest.With("SIGNET_GOOGLE_CLIENT_SECRET", clientSecret))
}

func TestConnectorsFollowTheSettingsOfTheServer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	start := func(opts ...apptest.Option) *apptest.App {
		return apptest.Start(t, append(opts, apptest.WithDatabase(dsn))...)
	}
	joining := []apptest.Option{apptest.With("SIGNET_GOOGLE_JOIN_TENANT", "acme"), apptest.With("SIGNET_GOOGLE_JOIN_ROLES", "clerk")}

	first := start(google("id-1", "secret-1", joining...)...)
	made := connectorRow(t, dsn, "google")
	if made.client != "id-1" || made.managed != "environment" || made.joins != "acme" || !made.enabled || !made.provision || made.version != 1 {
		t.Errorf("declared: %+v", made)
	}
	if strings.Contains(string(made.sealed), "secret-1") || strings.Contains(first.Log.String(), "secret-1") {
		t.Error("the secret is readable")
	}
	first.Stop(t)

	start(google("id-1", "secret-1", joining...)...).Stop(t)
	if again := connectorRow(t, dsn, "google"); again.version != made.version || string(again.sealed) != string(made.sealed) {
		t.Errorf("written again though nothing changed: %+v", again)
	}

	start(google("id-1", "secret-2", joining...)...).Stop(t)
	rotated := connectorRow(t, dsn, "google")
	if rotated.version != 2 || string(rotated.sealed) == string(made.sealed) {
		t.Errorf("another secret: %+v", rotated)
	}

	gone := start()
	if r := connectorRow(t, dsn, "google"); r.enabled || r.managed != "" {
		t.Errorf("no longer declared: %+v", r)
	}
	if !strings.Contains(gone.Log.String(), "no longer declared") {
		t.Error("nobody is told that a connector was disabled")
	}
	gone.Stop(t)

	start(google("id-3", "secret-2")...).Stop(t)
	if r := connectorRow(t, dsn, "google"); !r.enabled || r.client != "id-3" || r.joins != "" || r.provision || r.managed != "environment" {
		t.Errorf("declared anew: %+v", r)
	}
}

func TestAConnectorThatCannotBeDeclaredKeepsNobodyOutAndLosesNothing(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	apptest.Start(t, google("id-1", "secret-1", apptest.WithDatabase(dsn))...).Stop(t)
	for name, c := range map[string]struct{ tenant, roles, said string }{
		"no such tenant":                         {"nowhere", "clerk", `there is no tenant \"nowhere\"`},
		"no such role":                           {"acme", "king,clerk", `has no role king:`},
		"the administrators of the installation": {"signet", "", "administrators of the installation"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := google("id-2", "secret-1", apptest.WithDatabase(dsn), apptest.With("SIGNET_GOOGLE_JOIN_TENANT", c.tenant),
				apptest.With("SIGNET_GITHUB_CLIENT_ID", "hub"), apptest.With("SIGNET_GITHUB_CLIENT_SECRET", "s"))
			if c.roles != "" {
				opts = append(opts, apptest.With("SIGNET_GOOGLE_JOIN_ROLES", c.roles))
			}
			a := apptest.Start(t, opts...)
			if !strings.Contains(a.Log.String(), c.said) {
				t.Errorf("the log does not say %q", c.said)
			}
			if r := connectorRow(t, dsn, "google"); r.client != "id-1" || !r.enabled || r.managed != "environment" {
				t.Errorf("what was there is not any more: %+v", r)
			}
			if r := connectorRow(t, dsn, "github"); !r.enabled {
				t.Error("the other connector does not work either")
			}
			a.Stop(t)
		})
	}
}

func TestReplicasThatStartTogetherDeclareOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	apptest.Start(t, apptest.WithDatabase(dsn)).Stop(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { apptest.Start(t, google("id-1", "secret-1", apptest.WithDatabase(dsn))...) })
	}
	wg.Wait()
	if r := connectorRow(t, dsn, "google"); r.version != 1 || !r.enabled {
		t.Errorf("%+v", r)
	}
}
