package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rows is a source of so many people, every tenth of whom is not acceptable.
type rows struct{ next, end int }

func (s *rows) Next() (Entry, error) {
	if s.next == s.end {
		return Entry{}, io.EOF
	}
	s.next++
	e := Entry{At: fmt.Sprintf("line %d", s.next), Row: Row{Email: fmt.Sprintf("u%d@example.com", s.next)}}
	if s.next%10 == 0 {
		e.Row.Email = "nobody"
	}
	return e, nil
}

// store keeps who was imported.
type store struct {
	mu   sync.Mutex
	seen map[string]int
	fail func(rows []Row) error
}

func (s *store) ImportUsers(_ context.Context, rows []Row) ([]Outcome, error) {
	if s.fail != nil {
		if err := s.fail(rows); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	out := make([]Outcome, len(rows))
	for i, r := range rows {
		out[i].Status = Created
		if s.seen[r.Email]++; s.seen[r.Email] > 1 {
			out[i].Status = Exists
		}
	}
	return out, nil
}

func TestEveryRowIsSentOnceAndSettledInOrder(t *testing.T) {
	t.Parallel()
	to := &store{}
	var last int64
	var refused []Refusal
	calls := 0
	tally, err := Run{Source: &rows{end: 1234}, Target: to, Batch: 7, Settled: func(tally Tally, r []Refusal) error {
		calls++
		if tally.Total() <= last {
			t.Errorf("settled %d after %d", tally.Total(), last)
		}
		last = tally.Total()
		refused = append(refused, r...)
		return nil
	}}.Do(t.Context())
	if err != nil || tally != (Tally{Created: 1111, Rejected: 123}) || len(to.seen) != 1111 || last != 1234 || calls != 177 {
		t.Errorf("%+v, %v; %d stored, settled %d times", tally, err, len(to.seen), calls)
	}
	for i, r := range refused {
		if want := fmt.Sprintf("line %d", (i+1)*10); r.At != want || r.Email != "nobody" || !strings.Contains(r.Reason, "e-mail") {
			t.Errorf("got %+v, want %s", r, want)
		}
	}
}

func TestAnImportThatBrokeOffGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is down")
	to := &store{fail: func(rows []Row) error {
		if slices.ContainsFunc(rows, func(r Row) bool { return r.Email == "u777@example.com" }) {
			return broken
		}
		return nil
	}}
	var kept Tally
	settled := func(tally Tally, _ []Refusal) error { kept = tally; return nil }
	tally, err := Run{Source: &rows{end: 1000}, Target: to, Batch: 20, Settled: settled}.Do(t.Context())
	if !errors.Is(err, broken) || tally != kept || kept.Total() > 760 || kept.Total()%20 != 0 {
		t.Fatalf("%+v, kept %+v, %v", tally, kept, err)
	}
	to.fail = nil
	tally, err = Run{Source: &rows{end: 1000}, Target: to, Batch: 20, After: kept, Settled: settled}.Do(t.Context())
	if err != nil || tally.Total() != 1000 || tally != kept || len(to.seen) != 900 {
		t.Errorf("%+v, kept %+v, %v; %d stored", tally, kept, err, len(to.seen))
	}
	if _, err := (Run{Source: &rows{end: 10}, Target: to, After: Tally{Created: 11}}).Do(t.Context()); err == nil {
		t.Error("went on behind the end of the file")
	}
}

func TestCancellingLeavesWhatWasSettled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var kept Tally
	_, err := Run{Source: &rows{end: 100_000}, Target: &store{}, Batch: 10, Settled: func(tally Tally, _ []Refusal) error {
		kept = tally
		cancel()
		return nil
	}}.Do(ctx)
	if !errors.Is(err, context.Canceled) || kept.Total() != 10 && kept.Total() > 100 || kept.Total() == 0 {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestWhatComesBeforeAFaultOfTheFileIsImported(t *testing.T) {
	t.Parallel()
	c, err := NewCSV(strings.NewReader("email\na@example.com\nb@example.com\n\"c@example.com\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	to := &store{}
	tally, err := Run{Source: c, Target: to}.Do(t.Context())
	if err == nil || !strings.Contains(err.Error(), "line 4") || tally.Created != 2 || len(to.seen) != 2 {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestRowsThatNobodyCouldStoreAreNotSent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	for name, r := range map[string]Row{
		"e-mail":                     {Email: " "},
		"not one that can receive":   {Email: "a@b@c"},
		"name: use at most":          {Email: "a@example.com", Name: long},
		"given_name: use":            {Email: "a@example.com", GivenName: "a\x00b"},
		"family_name: use":           {Email: "a@example.com", FamilyName: "\xff"},
		"picture: use an https":      {Email: "a@example.com", Picture: "javascript:alert(1)"},
		"locale":                     {Email: "a@example.com", Locale: "de_DE"},
		"password hash":              {Email: "a@example.com", PasswordHash: "hunter2"},
		"not the slug":               {Email: "a@example.com", Memberships: []Membership{{Tenant: "No Slug"}}},
		"administrators of the inst": {Email: "a@example.com", Memberships: []Membership{{Tenant: "signet"}}},
		"roles[0]: use 1 to":         {Email: "a@example.com", Memberships: []Membership{{Tenant: "acme", Roles: []string{"a\nb"}}}},
		"use at most":                {Email: "a@example.com", Memberships: []Membership{{Tenant: "acme", Roles: make([]string, 5001)}}},
		"more than 50 memberships":   {Email: "a@example.com", Memberships: make([]Membership, 51)},
	} {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Row{Email: "a@example.com", Name: "Ärzte & Söhne", Picture: "https://example.com/a", Locale: "zh-Hant-TW"}).Check(); err != nil {
		t.Error(err)
	}
}
