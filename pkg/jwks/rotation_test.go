package jwks

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/keys"
)

// rotating is an issuer whose keys rotate as its schedule says.
type rotating struct {
	*issuer // what it publishes
	t       *testing.T
	rule    keys.Schedule
	ring    []keys.Key
	private map[string]crypto.Signer
}

func newRotating(t *testing.T, rule keys.Schedule) *rotating {
	r := &rotating{issuer: newIssuer("", rule.CacheControl()), t: t, rule: rule, private: map[string]crypto.Signer{}}
	now := time.Now()
	r.make(rule.Begin(now, now))
	r.publish(now)
	return r
}

func (r *rotating) make(c keys.Change) {
	r.t.Helper()
	for _, k := range c.Keys {
		r.ring[slices.IndexFunc(r.ring, func(o keys.Key) bool { return o.ID == k.ID })] = k
	}
	for _, life := range c.New {
		k, private, err := keys.Generate(keys.EdDSA, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		r.ring = append(r.ring, k.Made(life))
		r.private[k.ID] = private
	}
}

// publish does what the rotator has to do at now, and serves the document of now.
func (r *rotating) publish(now time.Time) {
	for c, ok := r.rule.Step(r.ring, now); ok; c, ok = r.rule.Step(r.ring, now) {
		r.make(c)
	}
	body, etag, err := keys.Document(r.ring, now)
	if err != nil {
		r.t.Fatal(err)
	}
	r.change(func(i *issuer) { i.body = string(body); i.header.Set("ETag", etag) })
}

// sign returns a token of the key that signs at now.
func (r *rotating) sign(now time.Time) string {
	n := slices.IndexFunc(r.ring, func(k keys.Key) bool { return k.CanSign(now) })
	if n < 0 {
		r.t.Fatal("no key signs")
	}
	s, err := keys.NewSigner(r.ring[n], r.private[r.ring[n].ID])
	if err != nil {
		r.t.Fatal(err)
	}
	token, err := s.Sign(r.t.Context(), "at+jwt", []byte(`{}`))
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// Tokens are looked up and nothing is fetched because of them, so what helps is the schedule alone.
func TestNinetyDaysOfRotationsGoUnnoticed(t *testing.T) {
	t.Parallel()
	const day, step = 24 * time.Hour, 15 * time.Minute
	enough := keys.DefaultSchedule()
	short := enough
	short.Lead = 12 * time.Hour // Validate refuses it: so that this test can fail
	for name, rule := range map[string]keys.Schedule{"with the default schedule": enough, "but not with too short a lead": short} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began, length := time.Now(), 90*day
				if rule != enough {
					length = 14 * day
				}
				r := newRotating(t, rule)
				s, err := New(ctx, Config{URL: testURL, Client: clientOf(r)})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Ready(ctx); err != nil {
					t.Fatal(err)
				}
				// The issuer can be out of reach for as long as it lets documents be used: E, less the
				// time since the last renewal.
				const outage = day - 5*time.Minute
				outages := []time.Duration{
					5 * day,
					10*day - time.Minute,            // over the publication after the first rotation by hand
					42*day - day + time.Hour,        // over an activation
					43 * day,                        // and again
					72*day - outage + 5*time.Minute, // until shortly after one
				}
				byHand := []time.Duration{10 * day, 10*day + step}
				verified, refused, rotated, before := 0, 0, map[string]bool{}, []string{}
				for at := time.Duration(0); at < length; at += step {
					now := time.Now()
					if len(byHand) > 0 && at >= byHand[0] {
						byHand = byHand[1:]
						c, _, err := r.rule.Rotate(r.ring, now)
						if err != nil {
							t.Fatal(err)
						}
						r.make(c)
					}
					r.publish(now)
					var down error
					if slices.ContainsFunc(outages, func(from time.Duration) bool { return at >= from && at < from+outage }) {
						down = errors.New("connection refused")
					}
					r.change(func(i *issuer) { i.down = down })

					// The token of now, and the one of an hour ago, which has just expired but for the leeway.
					before = append(before, r.sign(now))
					for _, token := range []string{before[0], before[len(before)-1]} {
						_, h, err := keys.Verify(token, s.Lookup, "at+jwt")
						verified++
						rotated[h.KeyID] = true
						if err != nil {
							refused++
							if rule == enough {
								t.Errorf("after %v: %v; %v", at, err, s.Health())
							}
						}
					}
					if len(before) > int(time.Hour/step) {
						before = before[1:]
					}
					time.Sleep(time.Until(began.Add(at + step)))
				}
				t.Logf("%d verifications with %d keys, %d refused; %d requests", verified, len(rotated), refused, len(r.seen()))
				if rule != enough {
					if refused == 0 {
						t.Error("nothing was refused although the lead is too short")
					}
					return
				}
				fetched := 0
				for _, q := range r.seen() {
					if q.status != 0 {
						fetched++
					}
				}
				up := length - time.Duration(len(outages))*outage
				if least, most := int(up/(265*time.Second)), int(up/(215*time.Second)); fetched < least || fetched > most {
					t.Errorf("%d fetches, want %d to %d", fetched, least, most)
				}
				if len(rotated) < 5 {
					t.Errorf("the tokens were of %d keys only", len(rotated))
				}
			})
		})
	}
}

func TestAThousandUnknownKidsASecondCauseAFetchEveryHalfMinute(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	i := newIssuer(documentOf(t, a), signetCaching)
	i.delay = 300 * time.Millisecond
	still(t, i, nil, func(t *testing.T, s *Set) {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		const duration = 10 * time.Minute
		var senders sync.WaitGroup
		var asked atomic.Int64
		for sender := range 400 {
			senders.Go(func() {
				// Those who wait for a fetch send less meanwhile, hence 400 and not as many as it takes.
				for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(350 * time.Millisecond) {
					kid := fmt.Sprintf("%d-%d", sender, asked.Add(1))
					if _, err := s.Key(t.Context(), kid); !errors.Is(err, ErrUnknownKey) {
						t.Errorf("%q: %v", kid, err)
					}
				}
			})
		}
		time.Sleep(duration / 2)
		i.change(func(i *issuer) { i.body = documentOf(t, a, b); i.header.Set("ETag", etagOf(2)) })
		time.Sleep(UnknownKeyPause + time.Second)
		if _, ok := s.Lookup("b"); !ok {
			t.Error("a key that was published in the midst of it is not known after half a minute")
		}
		senders.Wait()
		if n := asked.Load(); n < int64(1000*duration/time.Second) {
			t.Errorf("%d kids were asked for, want a thousand a second", n)
		}
		// One at the start, one for each pause, and those that are due anyway.
		most := 1 + int(duration/UnknownKeyPause) + 1 + int(duration/(215*time.Second))
		if n := len(i.seen()); n > most {
			t.Errorf("%d fetches, want %d at most", n, most)
		} else {
			t.Logf("%d kids, %d fetches", asked.Load(), n)
		}
	})
}

var _ http.RoundTripper = (*rotating)(nil)
