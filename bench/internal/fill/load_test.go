package fill

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
)

func TestWhatIsLoadedIsValidAndUsable(t *testing.T) {
	t.Parallel()
	ctx, url := context.Background(), pgtest.New(t)
	s := set(60, 300, 4)
	s.Began = time.Now().UTC()
	var last int64
	err := Load(ctx, url, s, func(rows int64, _ string) { last = rows })
	if err != nil {
		t.Fatal(err)
	}
	if last != s.Rows() {
		t.Errorf("%d rows were written, %d announced", last, s.Rows())
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, table := range s.tables("") {
		want := 0
		table.rows(func(...any) bool { want++; return true })
		var got int
		count := "SELECT count(*) FROM " + table.name
		switch table.name { // beside what the schema itself holds
		case "tenant":
			count += " WHERE slug <> 'signet'"
		case "role", "role_permission":
			count += " WHERE tenant_id <> (SELECT id FROM tenant WHERE slug = 'signet')"
		}
		if err := conn.QueryRow(ctx, count).Scan(&got); err != nil || got != want {
			t.Errorf("%s has %d rows, want %d (%v)", table.name, got, want, err)
		}
	}
	// References were not checked while loading: nothing may point to nothing.
	for _, orphans := range []string{
		"SELECT count(*) FROM membership m LEFT JOIN user_account u ON u.id = m.user_id LEFT JOIN tenant t ON t.id = m.tenant_id WHERE u.id IS NULL OR t.id IS NULL",
		"SELECT count(*) FROM membership_role r LEFT JOIN membership m USING (tenant_id, user_id) LEFT JOIN role o ON o.tenant_id = r.tenant_id AND o.name = r.role WHERE m.user_id IS NULL OR o.name IS NULL",
		"SELECT count(*) FROM role_permission r LEFT JOIN role o ON o.tenant_id = r.tenant_id AND o.name = r.role LEFT JOIN permission p ON p.audience = r.audience AND p.slug = r.permission WHERE o.name IS NULL OR p.slug IS NULL",
		"SELECT count(*) FROM password_credential p LEFT JOIN user_account u ON u.id = p.user_id WHERE u.id IS NULL",
		"SELECT count(*) FROM browser_session s LEFT JOIN user_account u ON u.id = s.user_id WHERE u.id IS NULL OR s.expires_at < now() + interval '1 hour'",
		"SELECT count(*) FROM refresh_family f LEFT JOIN membership m ON m.tenant_id = f.tenant_id AND m.user_id = f.user_id LEFT JOIN browser_session s ON s.id = f.session_id AND s.user_id = f.user_id LEFT JOIN client c ON c.id = f.client_id WHERE m.user_id IS NULL OR s.id IS NULL OR c.id IS NULL OR f.expires_at < now() + interval '1 day'",
	} {
		var n int
		if err := conn.QueryRow(ctx, orphans).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows (%v) of: %s", n, err, orphans)
		}
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, f := range s.Spread(20) {
		out, err := db.Grants().Rotate(ctx, grant.Rotation{Token: grant.RefreshToken{Family: f.ID}, Client: Frontend, Idle: time.Hour})
		if err != nil || out.Generation != 1 || out.Subject.Active() != nil || out.User != f.Member.ID || len(out.Subject.Permissions) == 0 {
			t.Errorf("family %s: %v %v", f.ID, out.Subject.Active(), err)
		}
	}
	for _, m := range s.Members(10) {
		if session, err := db.Sessions().Find(ctx, m.Cookie.Hash()); err != nil || session.User != m.ID || !session.Valid(s.Began) {
			t.Errorf("session of person %d: %v", m.Number, err)
		}
	}
}

func TestPartitionsGetTheirIndexesBack(t *testing.T) {
	t.Parallel()
	ctx, url := context.Background(), pgtest.New(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	count := func() (n int) {
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_indexes WHERE tablename = 'audit_event_default'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	l := loader{conn: conn, done: func(int64, string) {}}
	if err := l.table(ctx, table{"audit_event", list("at"), func(func(...any) bool) {}}, true); err != nil {
		t.Fatal(err)
	}
	if after := count(); after != before || before < 3 {
		t.Errorf("%d indexes, before %d", after, before)
	}
}

func TestIndexesThatWereDroppedAreTheSameAgain(t *testing.T) {
	t.Parallel()
	ctx, url := context.Background(), pgtest.New(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	indexes := func() []string {
		rows, err := conn.Query(ctx, "SELECT indexdef FROM pg_indexes WHERE tablename = 'refresh_family' ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := indexes()
	var during []string
	l := loader{conn: conn, done: func(int64, string) {}}
	empty := table{"refresh_family", list("id"), func(func(...any) bool) {}}
	withIndexes := l
	withIndexes.done = func(_ int64, what string) {
		if strings.HasPrefix(what, "refresh_family_") && during == nil {
			during = indexes()
		}
	}
	if err := withIndexes.table(ctx, empty, true); err != nil {
		t.Fatal(err)
	}
	if len(during) != 1 {
		t.Errorf("while the rows were written there were the indexes %q, want the primary key alone", during)
	}
	if after := indexes(); !slices.Equal(before, after) || len(before) < 3 {
		t.Errorf("before %q\nafter %q", before, after)
	}
}
