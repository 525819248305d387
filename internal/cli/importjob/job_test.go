package importjob

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/importer"
	"github.com/signet-id/signet/pkg/adminclient"
)

// fake is an administration that keeps who was imported, and answers as before says.
type fake struct {
	*httptest.Server
	before func(n int, emails []string) (status int) // 0: it takes the batch

	mu    sync.Mutex
	calls int
	seen  map[string]bool
}

func newFake(t *testing.T, before func(int, []string) int) *fake {
	t.Helper()
	f := &fake{before: before, seen: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	var body adminclient.ImportUsersBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/admin/v1/imports/users" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var emails []string
	for _, row := range body.Rows {
		emails = append(emails, row.Email)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.before != nil {
		if status := f.before(f.calls, emails); status != 0 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":%d,"detail":"No."}`, status)
			return
		}
	}
	var out adminclient.ImportedUsersBody
	for _, email := range emails {
		o := adminclient.ImportOutcome{Status: "created", User: "usr_01h2xcejqtf2nbrexx3vqjhp41"}
		switch {
		case strings.HasPrefix(email, "lost"):
			o = adminclient.ImportOutcome{Status: "rejected", Reason: "there is no tenant"}
		case f.seen[email]:
			o.Status = "exists"
		}
		f.seen[email] = true
		out.Outcomes = append(out.Outcomes, o)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// job is an import of so many people, every seventh of whom is rejected, in batches of ten.
func (f *fake) job(t *testing.T, people int) Job {
	t.Helper()
	var b strings.Builder
	b.WriteString("email\n")
	for i := range people {
		name := "u"
		switch {
		case i%7 == 3:
			name = "lost"
		case i%70 == 5:
			name = "no body "
		}
		fmt.Fprintf(&b, "%s%d@example.com\n", name, i)
	}
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ready := make(chan time.Time)
	close(ready)
	return Job{
		API: &adminclient.Client{BaseURL: f.URL, Token: adminclient.StaticToken("t")}, Path: path, Batch: 10, Parallel: 3,
		Say: func(string, ...any) {}, After: func(time.Duration) <-chan time.Time { return ready },
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnInterruptedImportEndsAsIfItHadNotBeen(t *testing.T) {
	t.Parallel()
	whole := newFake(t, nil)
	want := whole.job(t, 300)
	wanted, err := want.Run(t.Context())
	if err != nil || wanted.Total() != 300 || wanted.Rejected == 0 || wanted.Rejects == "" {
		t.Fatalf("%+v, %v", wanted, err)
	}

	broken := newFake(t, func(_ int, emails []string) int {
		if emails[0] == "u200@example.com" {
			return http.StatusInternalServerError
		}
		return 0
	})
	j := broken.job(t, 300)
	got, err := j.Run(t.Context())
	if err == nil || got.Total() == 0 || got.Total() > 200 {
		t.Fatalf("%+v, %v", got, err)
	}
	// The process may have died after it wrote what was rejected and before it noted that.
	f, err := os.OpenFile(j.Path+".rejects.csv", os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.Repeat("line 999,rejected,twice@example.com,no\n", 1000) + "half a li")
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	broken.mu.Lock()
	broken.before = nil
	broken.mu.Unlock()
	j.Resume = true
	got, err = j.Run(t.Context())
	if err != nil || got.Total() != 300 || got.Rejected != wanted.Rejected || len(broken.seen) != len(whole.seen) {
		t.Errorf("got %+v, %v; want %+v", got, err, wanted)
	}
	if a, b := content(t, j.Path+".rejects.csv"), content(t, want.Path+".rejects.csv"); a != b {
		t.Errorf("rejects:\n%s\nwant:\n%s", a, b)
	}
	if _, err := os.Stat(j.Path + ".signet-import"); err == nil {
		t.Error("the note of an import that is through is left")
	}
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing to go on with") {
		t.Errorf("going on once more: %v", err)
	}
}

func TestABatchIsSentAgainWhileTheServerCannotAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(n int, _ []string) int {
		switch n {
		case 1:
			return http.StatusServiceUnavailable
		case 2:
			return http.StatusTooManyRequests
		}
		return 0
	})
	j := f.job(t, 10)
	if s, err := j.Run(t.Context()); err != nil || s.Created == 0 || f.calls != 3 {
		t.Errorf("%+v, %v, %d calls", s, err, f.calls)
	}
	down := newFake(t, func(int, []string) int { return http.StatusServiceUnavailable })
	j = down.job(t, 10)
	if _, err := j.Run(t.Context()); err == nil || down.calls != attempts {
		t.Errorf("%v, %d calls", err, down.calls)
	}
	refusing := newFake(t, func(int, []string) int { return http.StatusForbidden })
	j = refusing.job(t, 10)
	if _, err := j.Run(t.Context()); !adminclient.IsDenied(err) || refusing.calls != 1 {
		t.Errorf("%v, %d calls", err, refusing.calls)
	}
}

func TestWhoeverInterruptsAnImportIsToldHowToGoOn(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	j := f.job(t, 500)
	ctx, cancel := context.WithCancel(t.Context())
	j.Progress = stopAt{cancel}
	s, err := j.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "--resume") || s.Total() == 500 {
		t.Fatalf("%+v, %v", s, err)
	}
	j.Progress, j.Resume = nil, true
	if s, err := j.Run(t.Context()); err != nil || s.Total() != 500 {
		t.Errorf("%+v, %v", s, err)
	}
}

// stopAt interrupts after the first batch.
type stopAt struct{ cancel func() }

func (s stopAt) At(int64, int64, importer.Tally) { s.cancel() }
func (stopAt) Done()                             {}

func TestGoingOnNeedsTheSameFileServerAndFlags(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(n int, _ []string) int {
		if n > 1 {
			return http.StatusInternalServerError
		}
		return 0
	})
	j := f.job(t, 100)
	j.Parallel = 1
	if _, err := j.Run(t.Context()); err == nil {
		t.Fatal("not interrupted")
	}
	j.Resume = true
	for name, c := range map[string]struct {
		change func(*Job)
		want   string
	}{
		"another server": {func(j *Job) {
			j.API = &adminclient.Client{BaseURL: "http://127.0.0.1:1", Token: adminclient.StaticToken("t")}
		}, "another server"},
		"another tenant": {func(j *Job) { j.Tenant = "globex" }, "other flags"},
		"a dry run":      {func(j *Job) { j.DryRun = true }, "starts at the beginning"},
		"another file": {func(j *Job) {
			other := filepath.Join(t.TempDir(), "other.csv")
			if err := os.WriteFile(other, []byte("email\na@example.com\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			j.State, j.Path = j.Path+".signet-import", other
		}, "has changed"},
		"a note that is none": {func(j *Job) { j.State = j.Path }, "cannot be read"},
	} {
		changed := j
		c.change(&changed)
		if _, err := changed.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	over := j
	over.Rejects = j.Path
	if _, err := over.Run(t.Context()); err == nil || !strings.Contains(content(t, j.Path), "u1@example.com") {
		t.Errorf("rejects were written over something else: %v", err)
	}
	j.Resume, j.State = false, j.Path
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(content(t, j.Path), "u1@example.com") {
		t.Errorf("a note was written over something else: %v", err)
	}
}
