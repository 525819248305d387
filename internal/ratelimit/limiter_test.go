package ratelimit

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func newLimiter(t testing.TB, store Store) *Limiter {
	t.Helper()
	l, err := New(Config{Secret: secret.New(strings.Repeat("k", 32)), Store: store})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func from(account, address string) Attempt {
	return Attempt{Account: account, Address: netip.MustParseAddr(address)}
}

func check(t testing.TB, l *Limiter, a Attempt, now time.Time) Decision {
	t.Helper()
	d, err := l.Check(t.Context(), a, now)
	if err != nil {
		t.Fatal(err)
	}
	if d.Allowed == (d.RetryAfter > 0) || d.Allowed == (d.By != "") {
		t.Fatalf("a decision that contradicts itself: %+v", d)
	}
	return d
}

func TestAnAccountGetsFiveFreeFailuresThenDoublingPauses(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(t, newMemory()), start
	alice := from("alice@acme.example", "192.0.2.1")
	for i := range 5 {
		if d := check(t, l, alice, now); !d.Allowed {
			t.Fatalf("free attempt %d: %+v", i+1, d)
		}
	}
	for _, pause := range []time.Duration{30, 60, 120, 240, 480, 900, 900, 900} {
		pause *= time.Second
		if d := check(t, l, alice, now.Add(pause-1)); d.Allowed || d.RetryAfter != 1 || d.By != Account || d.Exhausted {
			t.Fatalf("just before the end of %v: %+v", pause, d)
		}
		now = now.Add(pause)
		if d := check(t, l, alice, now); !d.Allowed {
			t.Fatalf("after %v: %+v", pause, d)
		}
	}
}

func TestASuccessStartsTheAccountAfreshAndGivesTheAddressOneAttemptBack(t *testing.T) {
	t.Parallel()
	store := newMemory()
	l := newLimiter(t, store)
	alice := from("alice", "192.0.2.1")
	for range 4 {
		check(t, l, alice, start)
	}
	if !check(t, l, alice, start).Allowed {
		t.Fatal("the fifth is refused")
	}
	if err := l.Succeeded(t.Context(), alice, start); err != nil {
		t.Fatal(err)
	}
	if got := store.failures(l.accountKey(alice)); got != 0 {
		t.Errorf("the account still has %d failures", got)
	}
	if got := store.failures(l.addressKey(alice)); got != 4 {
		t.Errorf("the address has %d failures, want the 4 real ones", got)
	}
	if !check(t, l, alice, start).Allowed {
		t.Error("the next attempt is refused")
	}
}

func TestManyPeopleSignInFromOneAddressWithoutEverBeingSlowed(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	for i := range 500 {
		a := from(fmt.Sprintf("user-%d", i), "192.0.2.1")
		if d := check(t, l, a, start); !d.Allowed {
			t.Fatalf("sign-in %d: %+v", i, d)
		}
		if err := l.Succeeded(t.Context(), a, start); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGuessingAtManyAccountsFromOneAddressIsStopped(t *testing.T) {
	t.Parallel()
	store := newMemory()
	l := newLimiter(t, store)
	for i := range 50 {
		if d := check(t, l, from(fmt.Sprintf("user-%d", i), "192.0.2.1"), start); !d.Allowed {
			t.Fatalf("attempt %d: %+v", i, d)
		}
	}
	victim := from("victim", "192.0.2.1")
	for range 20 {
		if d := check(t, l, victim, start); d.Allowed || d.By != Address || d.RetryAfter != time.Minute {
			t.Fatalf("got %+v", d)
		}
	}
	if got := store.failures(l.accountKey(victim)); got != 0 {
		t.Errorf("attempts refused for their address count %d times on the account: its owner can be locked out with them", got)
	}
	if d := check(t, l, from("victim", "192.0.2.2"), start); !d.Allowed {
		t.Errorf("another address: %+v", d)
	}
	if d := check(t, l, victim, start.Add(15*time.Minute)); !d.Allowed {
		t.Errorf("after the window: %+v", d)
	}
}

func TestAKnownDeviceGetsInWhileTheAccountIsUnderAttack(t *testing.T) {
	t.Parallel()
	store := newMemory()
	l := newLimiter(t, store)
	for range 200 { // the attacker, from the owner's own network
		check(t, l, from("alice", "192.0.2.1"), start)
		check(t, l, from("bob", "192.0.2.1"), start)
	}
	if check(t, l, from("alice", "192.0.2.1"), start).Allowed {
		t.Fatal("the attack is not being throttled")
	}
	owner := from("Alice ", "192.0.2.1")
	owner.Device = "browser-1"
	if d := check(t, l, owner, start); !d.Allowed {
		t.Fatalf("the owner is locked out: %+v", d)
	}
	if err := l.Succeeded(t.Context(), owner, start); err != nil {
		t.Fatal(err)
	}
	if got := store.failures(l.deviceKey(owner)) + store.failures(l.accountKey(owner)); got != 0 {
		t.Errorf("%d failures are left after a success", got)
	}
}

func TestAKnownDeviceIsThrottledItselfAndHelpsWithNoOtherAccount(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	stolen := from("alice", "192.0.2.1")
	stolen.Device = "browser-1"
	for range 5 {
		check(t, l, stolen, start)
	}
	if d := check(t, l, stolen, start); d.Allowed || d.By != Device {
		t.Errorf("guesses with a stolen cookie: %+v", d)
	}
	other := stolen
	other.Account = "bob"
	if l.deviceKey(other) == l.deviceKey(stolen) {
		t.Error("one device counts together for two accounts")
	}
	if d := check(t, l, from("alice", "192.0.2.7"), start); !d.Allowed {
		t.Errorf("failures of the device block the account: %+v", d)
	}
}

func TestParallelGuessesCannotSlipThroughBeforeTheFirstFails(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			d, err := l.Check(t.Context(), from("alice", fmt.Sprintf("192.0.2.%d", i)), start)
			if err != nil {
				t.Error(err)
			}
			if d.Allowed {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 5 {
		t.Errorf("%d parallel guesses were allowed, want 5", allowed.Load())
	}
}

func TestNobodyGuessesMoreThanOnceADayAfterAHundredFailures(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(t, newMemory()), start
	guesses := 0
	for i := 0; guesses < 100; i++ { // from ever new addresses, as soon as allowed
		d := check(t, l, from("alice", fmt.Sprintf("198.51.%d.%d", i/250, i%250)), now)
		if d.Allowed {
			guesses++
		} else {
			now = now.Add(d.RetryAfter)
		}
	}
	if took := now.Sub(start); took < 20*time.Hour {
		t.Errorf("a hundred guesses took %v only", took)
	}
	d := check(t, l, from("alice", "203.0.113.1"), now)
	if d.Allowed || !d.Exhausted || d.RetryAfter != 24*time.Hour {
		t.Fatalf("after a hundred: %+v", d)
	}
	if err := l.Forgive(t.Context(), "ALICE", now); err != nil {
		t.Fatal(err)
	}
	if d := check(t, l, from("alice", "203.0.113.1"), now); !d.Allowed {
		t.Errorf("after a password reset: %+v", d)
	}
}

func TestAnOperatorCanDisableAPasswordForGoodAfterTheLimit(t *testing.T) {
	t.Parallel()
	policies := DefaultPolicies()
	policies.Account.Limit, policies.Account.Rest = 6, Never
	l, err := New(Config{Secret: secret.New(strings.Repeat("k", 32)), Store: newMemory(), Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	alice := from("alice", "192.0.2.1")
	for range 5 {
		check(t, l, alice, start)
	}
	check(t, l, alice, start.Add(time.Minute))
	if d := check(t, l, alice, start.AddDate(50, 0, 0)); d.Allowed || !d.Exhausted {
		t.Errorf("fifty years on: %+v", d)
	}
}

func TestAQuietMonthForgetsFailuresAndASteadyTrickleDoesNot(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	trickled, quiet := from("trickled", "192.0.2.1"), from("quiet", "192.0.2.2")
	now := start
	for range 4 {
		check(t, l, trickled, now)
		check(t, l, quiet, start)
		now = now.AddDate(0, 0, 20)
	}
	check(t, l, trickled, now)
	if d := check(t, l, trickled, now); d.Allowed {
		t.Error("five consecutive failures, 20 days apart, were forgotten")
	}
	check(t, l, quiet, now)
	if d := check(t, l, quiet, now); !d.Allowed {
		t.Errorf("four failures of 80 days ago still count: %+v", d)
	}
}

func TestAWithdrawnAttemptCountsNowhereAndEndsThePauseItStarted(t *testing.T) {
	t.Parallel()
	store := newMemory()
	l := newLimiter(t, store)
	alice := from("alice", "192.0.2.1")
	for i := range 100 {
		if d := check(t, l, alice, start); !d.Allowed {
			t.Fatalf("attempt %d: %+v", i, d)
		}
		if err := l.Withdrawn(t.Context(), alice, start); err != nil {
			t.Fatal(err)
		}
	}
	if got := store.failures(l.accountKey(alice)) + store.failures(l.addressKey(alice)); got != 0 {
		t.Errorf("%d failures are left", got)
	}
}

func TestAccountsAndAddressesAreRecognisedInEveryForm(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	for name, c := range map[string]struct {
		a, b Attempt
		same bool
	}{
		"case and space":                {from(" Alice@Acme.example", "192.0.2.1"), from("alice@acme.EXAMPLE ", "192.0.2.1"), true},
		"composed and decomposed":       {from("ren\u00e9", "192.0.2.1"), from("rene\u0301", "192.0.2.1"), true},
		"two people":                    {from("alice", "192.0.2.1"), from("alicia", "192.0.2.1"), false},
		"one IPv6 subscriber":           {from("x", "2001:db8:1:2::1"), from("x", "2001:db8:1:2:ffff::9"), true},
		"two IPv6 subscribers":          {from("x", "2001:db8:1:2::1"), from("x", "2001:db8:1:3::1"), false},
		"IPv4 inside IPv6":              {from("x", "::ffff:192.0.2.1"), from("x", "192.0.2.1"), true},
		"two IPv4 addresses inside it":  {from("x", "::ffff:192.0.2.1"), from("x", "::ffff:192.0.2.2"), false},
		"an IPv6 zone":                  {from("x", "fe80::1%eth0"), from("x", "fe80::1%eth1"), true},
		"a name that spells an address": {from("192.0.2.1", "192.0.2.9"), from("x", "192.0.2.1"), false},
	} {
		same := l.accountKey(c.a) == l.accountKey(c.b) && l.addressKey(c.a) == l.addressKey(c.b)
		if same != c.same || l.accountKey(c.a) == l.addressKey(c.b) {
			t.Errorf("%s: same %v, want %v", name, same, c.same)
		}
	}
	left, right := Attempt{Account: "ab", Device: "c"}, Attempt{Account: "a", Device: "bc"}
	if l.deviceKey(left) == l.deviceKey(right) {
		t.Error("values run into each other in the key")
	}
}

func TestKeysDependOnTheSecret(t *testing.T) {
	t.Parallel()
	other, err := New(Config{Secret: secret.New(strings.Repeat("q", 32)), Store: newMemory()})
	if err != nil {
		t.Fatal(err)
	}
	alice := from("alice", "192.0.2.1")
	if l := newLimiter(t, newMemory()); l.accountKey(alice) == other.accountKey(alice) {
		t.Error("the digests could be computed by anyone")
	}
}

func TestAnAttemptThatLosesARaceOnOneKeyIsGivenBackOnTheOther(t *testing.T) {
	t.Parallel()
	var refunded []Key
	l := newLimiter(t, storeFuncs{
		take: func(claims []Claim, now time.Time) ([]State, error) {
			return []State{{claims[1].Key, true, 1, now}, {claims[0].Key, false, 5, now}}, nil
		},
		settle: func(reset, refund []Key) error {
			if len(reset) != 0 {
				t.Errorf("resets %v", reset)
			}
			refunded = refund
			return nil
		},
	})
	alice := from("alice", "192.0.2.1")
	if d := check(t, l, alice, start); d.Allowed || d.RetryAfter != 30*time.Second {
		t.Errorf("got %+v", d)
	}
	if !slices.Equal(refunded, []Key{l.addressKey(alice)}) {
		t.Errorf("gave back %v", refunded)
	}
}

func TestAFailingStoreAllowsNothing(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("no connection: %w", errdefs.ErrUnavailable)
	alice := from("alice", "192.0.2.1")
	for name, take := range map[string]func([]Claim, time.Time) ([]State, error){
		"an error": func([]Claim, time.Time) ([]State, error) { return nil, down },
		"no answer for one key": func(c []Claim, now time.Time) ([]State, error) {
			return []State{{c[0].Key, true, 1, now}}, nil
		},
		"no answer at all":         func([]Claim, time.Time) ([]State, error) { return nil, nil },
		"an answer for a stranger": func([]Claim, time.Time) ([]State, error) { return []State{{Key: Key{1}, Taken: true}}, nil },
	} {
		l := newLimiter(t, storeFuncs{take: take, settle: func(_, _ []Key) error { return down }})
		d, err := l.Check(t.Context(), alice, start)
		if d.Allowed || (err == nil && d.RetryAfter <= 0) {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
		if name == "an error" && !errors.Is(err, errdefs.ErrUnavailable) {
			t.Errorf("the kind is lost: %v", err)
		}
		for end, f := range map[string]error{
			"Succeeded": l.Succeeded(t.Context(), alice, start), "Withdrawn": l.Withdrawn(t.Context(), alice, start),
			"Forgive": l.Forgive(t.Context(), "alice", start),
		} {
			if !errors.Is(f, errdefs.ErrUnavailable) {
				t.Errorf("%s: got %v", end, f)
			}
		}
	}
}

func TestIncompleteAttemptsAreInvalid(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	for _, a := range []Attempt{{}, {Account: "alice"}, {Account: " ", Address: netip.MustParseAddr("192.0.2.1")}} {
		_, err := l.Check(t.Context(), a, start)
		for _, err := range []error{err, l.Succeeded(t.Context(), a, start), l.Withdrawn(t.Context(), a, start)} {
			if !errors.Is(err, errdefs.ErrInvalid) {
				t.Errorf("%+v: got %v", a, err)
			}
		}
	}
	if err := l.Forgive(t.Context(), " ", start); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestUnsoundConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	good := DefaultPolicies().Account
	for name, change := range map[string]func(*Policy){
		"no free failure":         func(p *Policy) { p.Free = 0 },
		"no pause":                func(p *Policy) { p.Base = 0 },
		"shrinking pauses":        func(p *Policy) { p.Max = p.Base - 1 },
		"endless pauses":          func(p *Policy) { p.Max, p.Rest = Never+1, Never+1 },
		"no window":               func(p *Policy) { p.Window = 0 },
		"a limit below the start": func(p *Policy) { p.Limit = p.Free - 1 },
		"a rest below the pause":  func(p *Policy) { p.Rest = p.Max - 1 },
	} {
		bad := good
		change(&bad)
		_, err := New(Config{Secret: secret.New(strings.Repeat("k", 32)), Store: newMemory(), Policies: Policies{Account: bad}})
		if !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, cfg := range []Config{{Store: newMemory()}, {Secret: secret.New("short"), Store: newMemory()}, {Secret: secret.New(strings.Repeat("k", 32))}} {
		if _, err := New(cfg); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
}

func TestPausesNeverShrinkNorOverflow(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Policy{
		"account": DefaultPolicies().Account, "address": DefaultPolicies().Address,
		"extreme": {Free: 1, Base: time.Second, Max: Never, Window: Never},
	} {
		if err := p.validate(); err != nil {
			t.Fatal(err)
		}
		last := time.Duration(0)
		for failures := range 10_000 {
			pause := p.Pause(failures)
			if pause < last || (failures < p.Free) != (pause == 0) {
				t.Fatalf("%s: %v after %d failures, %v before", name, pause, failures, last)
			}
			last = pause
		}
	}
}
