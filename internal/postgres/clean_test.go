package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/postgres"
)

func TestCleaningDeletesWhatHasExpiredInBatchesAndNothingElse(t *testing.T) {
	t.Parallel()
	w := build(t)
	kept := w.family(t, nil)
	fill := func(n int, codes, families, cutoffs, sessions, throttles, keys string) {
		t.Helper()
		for _, sql := range []string{
			`INSERT INTO authorization_code SELECT uuid_send(gen_random_uuid()), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'web', gen_random_uuid(),
			   false, '', '', '', '{}', '{}', '', '{}', now(), now() + interval '` + codes + `' FROM generate_series(1, $1)`,
			`INSERT INTO refresh_family SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'web', gen_random_uuid(), false, 0, '{}', '{}', '', '{}',
			   now(), now(), now(), now() + interval '` + families + `', now() + interval '` + families + `' FROM generate_series(1, $1)`,
			`INSERT INTO revocation (kind, subject, expires_at) SELECT 'token', gen_random_uuid()::text, now() + interval '` + cutoffs + `' FROM generate_series(1, $1)`,
			`INSERT INTO browser_session SELECT gen_random_uuid(), uuid_send(gen_random_uuid()), (SELECT id FROM user_account LIMIT 1), now(), now(), now(),
			   now() + interval '` + sessions + `', '', '{}' FROM generate_series(1, $1)`,
			`INSERT INTO sign_in_throttle SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 1, now() + interval '` + throttles + `',
			   now() + interval '` + throttles + `' FROM generate_series(1, $1)`,
			`INSERT INTO idempotency_key SELECT 'usr_x', gen_random_uuid()::text, '', '', now() + interval '` + keys + `' FROM generate_series(1, $1)`,
		} {
			w.exec(t, sql, n)
		}
	}
	const many = 2300 // more than two batches
	fill(many, "-25 hours", "-1 second", "-1 second", "-1 second", "-1 second", "-25 hours")
	fill(3, "-23 hours", "1 minute", "1 minute", "1 minute", "1 minute", "-23 hours")
	tables := "SELECT (SELECT count(*) FROM authorization_code) + (SELECT count(*) FROM refresh_family) + (SELECT count(*) FROM revocation) + (SELECT count(*) FROM browser_session) + (SELECT count(*) FROM sign_in_throttle) + (SELECT count(*) FROM idempotency_key)"
	before := w.count(t, tables)

	// Two at once: together they delete every row once.
	var mu sync.Mutex
	var total postgres.Cleaned
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			got, err := w.Clean(t.Context(), time.Now())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total.Codes += got.Codes
			total.Families += got.Families
			total.Cutoffs += got.Cutoffs
			total.Sessions += got.Sessions
			total.Throttles += got.Throttles
			total.IdempotencyKeys += got.IdempotencyKeys
		})
	}
	wg.Wait()
	if total.Codes != many || total.Families != many || total.Cutoffs != many || total.Sessions != many || total.Throttles != many || total.IdempotencyKeys != many {
		t.Errorf("deleted %+v", total)
	}
	if after := w.count(t, tables); before-after != 6*many {
		t.Errorf("%d rows before and %d after", before, after)
	}
	if _, err := w.Grants().FindFamily(t.Context(), kept); err != nil {
		t.Error(err)
	}
	if again, err := w.Clean(t.Context(), time.Now()); err != nil || again.Total() != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestOneReplicaAtATimeCleansAndTheOthersDoNotWait(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.exec(t, "INSERT INTO revocation (kind, subject, expires_at) VALUES ('token', 'x', now() - interval '1 hour')")
	w.exec(t, "SELECT pg_advisory_lock(hashtextextended('signet.clean', 0))")
	if got, err := w.Clean(t.Context(), time.Now()); err != nil || got.Total() != 0 {
		t.Errorf("while another cleans: %+v, %v", got, err)
	}
	w.exec(t, "SELECT pg_advisory_unlock(hashtextextended('signet.clean', 0))")
	if got, err := w.Clean(t.Context(), time.Now()); err != nil || got.Total() != 1 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

func TestCleaningNeedsOneConnectionAlone(t *testing.T) {
	t.Parallel()
	w := build(t)
	small, err := postgres.Open(t.Context(), postgres.Config{URL: w.dsn, MaxConns: 1})
	must(t, err)
	t.Cleanup(small.Close)
	if _, err := small.Clean(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
}

func (w *world) partitions(t *testing.T) (names []string) {
	t.Helper()
	rows, err := w.conn.Query(t.Context(), "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass ORDER BY 1")
	must(t, err)
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		names = append(names, name)
	}
	must(t, rows.Err())
	return names
}

func TestPartitionsAreMadeForThisMonthAndTheNextAlsoAtTheYearsEnd(t *testing.T) {
	t.Parallel()
	w := build(t)
	// One hour before the year ends in UTC, and already the new year further east.
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC).In(time.FixedZone("east", 2*3600))
	for range 2 {
		if left, err := w.Audit().PreparePartitions(t.Context(), now); err != nil || len(left) != 0 {
			t.Fatal(left, err)
		}
	}
	if got := w.partitions(t); !slices.Equal(got, []string{"audit_event_2026_12", "audit_event_2027_01", "audit_event_default"}) {
		t.Fatalf("%v", got)
	}
	for at, want := range map[time.Time]string{
		time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC):             "audit_event_2026_12",
		time.Date(2026, 12, 31, 23, 59, 59, 999999000, time.UTC): "audit_event_2026_12",
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC):              "audit_event_2027_01",
		time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC):              "audit_event_default",
	} {
		must(t, w.Audit().Append(t.Context(), []audit.Event{{At: at, Action: audit.SignedIn, TokenID: at.String()}}))
		var got string
		must(t, w.conn.QueryRow(t.Context(), "SELECT tableoid::regclass::text FROM audit_event WHERE token_id = $1", at.String()).Scan(&got))
		if got != want {
			t.Errorf("%v is in %s, want %s", at, got, want)
		}
	}
}

func TestAMonthThatBeganInTheDefaultPartitionStaysThereAndIsNamed(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC()
	must(t, w.Audit().Append(t.Context(), []audit.Event{{At: now, Action: audit.SignedIn}}))
	got, err := w.Clean(t.Context(), now)
	if err != nil || !slices.Equal(got.Unpartitioned, []string{now.Format("2006_01")}) {
		t.Errorf("%+v, %v", got, err)
	}
	next := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, 0)
	if p := w.partitions(t); !slices.Equal(p, []string{"audit_event_" + next.Format("2006_01"), "audit_event_default"}) {
		t.Errorf("%v", p)
	}
	must(t, w.Audit().Append(t.Context(), []audit.Event{{At: now, Action: audit.SignedOut}}))
}

func TestTheAuditLogRefusesEveryChange(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC()
	must(t, w.Audit().Append(t.Context(), []audit.Event{{At: now, Action: audit.SignedIn}}))
	if _, err := w.Audit().PreparePartitions(t.Context(), now.AddDate(0, 2, 0)); err != nil {
		t.Fatal(err)
	}
	later := now.AddDate(0, 2, 0)
	must(t, w.Audit().Append(t.Context(), []audit.Event{{At: later, Action: audit.SignedOut, Detail: map[string]string{"k": "v"}}}))
	month := "audit_event_" + later.Format("2006_01")
	for _, table := range []string{"audit_event", "audit_event_default", month} {
		for _, sql := range []string{"UPDATE %s SET action = 'x'", "DELETE FROM %s"} {
			if _, err := w.conn.Exec(t.Context(), fmt.Sprintf(sql, table)); err == nil {
				t.Errorf(sql+" passed", table)
			}
		}
	}
	for _, table := range []string{"audit_event", "audit_event_default"} {
		if _, err := w.conn.Exec(t.Context(), "TRUNCATE "+table); err == nil {
			t.Errorf("TRUNCATE %s passed", table)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM audit_event"); n != 2 {
		t.Errorf("%d events", n)
	}
}
