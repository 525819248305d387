package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/migrations"
)

// templateLock is the advisory lock under which a template is built on a shared server. Such
// locks belong to a database, so processes must name the same one, as one variable makes them.
const templateLock int64 = 0x7067746573740001

// external prepares the server at dsn: its template is built once per set of migrations and
// stays there for later runs.
func external(ctx context.Context, dsn string) (*server, error) {
	digest, err := migrationsHash(migrations.FS)
	if err != nil {
		return nil, err
	}
	name := "signet_template_" + digest
	if err := buildTemplate(ctx, dsn, name); err != nil {
		return nil, fmt.Errorf("the server named by %s: %w", externalURL, err)
	}
	return connect(ctx, dsn, name)
}

func buildTemplate(ctx context.Context, dsn, name string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // gives the lock back
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return err
	}
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	// The template gets its name when it is complete: a run killed before leaves only the draft.
	draft := name + "_draft"
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + quote(draft) + " WITH (FORCE)",
		"CREATE DATABASE " + quote(draft) + " TEMPLATE template0",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	draftDSN, err := withDatabase(dsn, draft)
	if err != nil {
		return err
	}
	if err := migrate(ctx, draftDSN); err != nil {
		return err
	}
	// A backend of the migration may still be on its way out, and a rename wants nobody there.
	_, err = conn.Exec(ctx, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", draft)
	if err == nil {
		_, err = conn.Exec(ctx, "ALTER DATABASE "+quote(draft)+" RENAME TO "+quote(name))
	}
	return err
}

// withDatabase returns dsn, a URL or a list of keywords, for another database of its server.
func withDatabase(dsn, database string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + database, nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%s is no valid URL", externalURL) // its text may hold a password
	}
	u.Path = "/" + database
	q := u.Query()
	q.Del("dbname")
	q.Del("database")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), nil
}
