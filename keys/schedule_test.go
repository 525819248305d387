package keys_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

func TestDefaultSchedule(t *testing.T) {
	t.Parallel()
	s := keys.DefaultSchedule()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := s.CacheControl(), "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400"; got != want {
		t.Errorf("CacheControl = %q, want %q", got, want)
	}
	if got, want := s.MinLead(), 86_880*time.Second; got != want {
		t.Errorf("MinLead = %v, want %v", got, want)
	}
	if got, want := s.MinRemoval(), 3690*time.Second; got != want {
		t.Errorf("MinRemoval = %v, want %v", got, want)
	}
}

func TestScheduleValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*keys.Schedule)
		want   []string // none: valid
	}{
		{"a lead at the bound is enough", func(s *keys.Schedule) { s.Lead = 86_880 * time.Second }, nil},
		{"a lead below the bound", func(s *keys.Schedule) { s.Lead = 86_879 * time.Second }, []string{"Lead is"}},
		{"a cache that drops Age doubles the lead", func(s *keys.Schedule) { s.Caches = 2; s.Lead = 48 * time.Hour }, []string{"Lead is"}},
		{"a floor above the lead", func(s *keys.Schedule) { s.Floor = 49 * time.Hour }, []string{"Lead is"}},
		{"a removal at the bound is enough", func(s *keys.Schedule) { s.Removal = 3690 * time.Second }, nil},
		{"a removal below the bound", func(s *keys.Schedule) { s.Removal = 3689 * time.Second }, []string{"Removal is"}},
		{"long tokens need a long removal", func(s *keys.Schedule) { s.MaxLifetime = 3 * time.Hour }, []string{"Removal is"}},
		{"a period at the Lead is enough", func(s *keys.Schedule) { s.Period = 48 * time.Hour }, nil},
		{"a period below the lead", func(s *keys.Schedule) { s.Period = 47 * time.Hour }, []string{"Period is"}},
		{"a fraction of a second in a header", func(s *keys.Schedule) { s.StaleWhileRevalidate = 1500 * time.Millisecond }, []string{"StaleWhileRevalidate is"}},
		{"a negative leeway", func(s *keys.Schedule) { s.Leeway = -1 }, []string{"Leeway is"}},
		{"every fault is reported at once", func(s *keys.Schedule) { *s = keys.Schedule{Floor: time.Hour} },
			[]string{"MaxAge is", "MaxLifetime is", "Caches is", "Lead is", "Period is"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := keys.DefaultSchedule()
			c.change(&s)
			err := s.Validate()
			if len(c.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("valid")
			}
			lines := strings.Split(err.Error(), "\n")
			for i, want := range c.want {
				if len(lines) != len(c.want) || !strings.HasPrefix(lines[i], want) {
					t.Fatalf("faults:\n%v\nwant %q", err, c.want)
				}
			}
		})
	}
}

func TestAStolenKeyIsForgottenWhenEveryCacheOnTheWayHasAskedAgain(t *testing.T) {
	t.Parallel()
	s := keys.DefaultSchedule()
	reached, unreached := s.Forgotten()
	if reached != 60*time.Second+360*time.Second+30*time.Second || unreached != reached+24*time.Hour {
		t.Errorf("%v, %v", reached, unreached)
	}
	s.Caches = 2
	if twice, _ := s.Forgotten(); twice != reached+390*time.Second {
		t.Errorf("%v with a cache on the way", twice)
	}
}

// TestAnActivationThatIsTooEarlyForALongerLeadIsPutOff: while settings are rolled out, a replica with
// the shorter lead may have planned it.
func TestAnActivationThatIsTooEarlyForALongerLeadIsPutOff(t *testing.T) {
	t.Parallel()
	short := keys.DefaultSchedule()
	short.Period = short.Lead
	long := short
	long.Lead += 24 * time.Hour
	begin := short.Begin(t0, t0)
	ring := []keys.Key{begin.New[0], begin.New[1]}
	ring[0].ID, ring[1].ID = "first", "second"
	now := t0.Add(time.Hour)
	if c, ok := short.Step(ring, now); ok {
		t.Fatalf("the schedule that planned it: %+v", c)
	}
	c, ok := long.Step(ring, now)
	if want := t0.Add(long.Lead); !ok || c.Step != keys.StepPlan || len(c.Keys) != 2 || !c.Keys[0].RetiredAt.Equal(want) || !c.Keys[1].ActivatedAt.Equal(want) {
		t.Fatalf("%+v, %v", c, ok)
	}
	if c, ok := long.Step(c.Keys, now); ok {
		t.Errorf("once more: %+v", c)
	}
	if c, ok := short.Step(c.Keys, now); ok {
		t.Errorf("the shorter one takes it back: %+v", c)
	}
}
