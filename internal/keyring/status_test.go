package keyring_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

func life(t *testing.T, alg keys.Algorithm, times ...time.Time) keyring.KeyStatus {
	t.Helper()
	k, _, err := keys.Generate(alg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []*time.Time{&k.PublishedAt, &k.ActivatedAt, &k.RetiredAt, &k.RemovedAt} {
		if i < len(times) {
			*to = times[i]
		}
	}
	k.CreatedAt = k.PublishedAt
	return keyring.KeyStatus{Key: k}
}

func TestAStepIsOverdueWhenItHasBeenDueForLongerThanItTakes(t *testing.T) {
	t.Parallel()
	s := keyring.Status{Now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), Schedule: keys.DefaultSchedule(), Configured: []keys.Algorithm{keys.ES256}}
	ago := func(d time.Duration) time.Time { return s.Now.Add(-d) }
	month := s.Schedule.Period
	next := life(t, keys.ES256, ago(time.Hour*100), ago(-month))
	s.Keys = []keyring.KeyStatus{life(t, keys.ES256, ago(200*time.Hour), ago(time.Hour), ago(-month)), next}
	if step := s.Overdue(keys.ES256); step != "" {
		t.Errorf("all is planned, and %s is overdue", step)
	}
	// The next key has just begun to sign, and nobody has published one after it.
	took := life(t, keys.ES256, ago(100*time.Hour), ago(time.Minute))
	s.Keys = []keyring.KeyStatus{life(t, keys.ES256, ago(2*month), ago(month), ago(time.Minute)), took}
	if step := s.Overdue(keys.ES256); step != "" {
		t.Errorf("%s is overdue after a minute", step)
	}
	s.Keys[0].RetiredAt, s.Keys[1].ActivatedAt = ago(time.Hour), ago(time.Hour)
	if step := s.Overdue(keys.ES256); !strings.Contains(string(step), "publish") {
		t.Errorf("after an hour it is %q", step)
	}
	// Keys that were made just now: somebody is at it.
	s.Keys = append(s.Keys, life(t, keys.ES256, ago(time.Second)))
	if step := s.Overdue(keys.ES256); step != "" {
		t.Errorf("%s is overdue although a key was just made", step)
	}
}
