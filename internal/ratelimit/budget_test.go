package ratelimit

import (
	"testing"
	"time"
)

func TestWhatIsSpentIsSpentOnEveryBudgetOrOnNone(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newMemory())
	small := Policy{Free: 1, Base: time.Minute, Max: time.Minute, Window: time.Hour}
	large := Policy{Free: 2, Base: time.Hour, Max: time.Hour, Window: 24 * time.Hour}
	of := func(mailbox string) []Budget {
		return []Budget{{Kind: "mailbox", Name: mailbox, Policy: small}, {Kind: "tenant", Name: "acme", Policy: large}}
	}
	spend := func(mailbox string) Decision {
		t.Helper()
		d, err := l.Spend(t.Context(), of(mailbox), start)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := spend("Ada@acme.example"); !d.Allowed {
		t.Fatalf("the first: %+v", d)
	}
	for range 5 {
		if d := spend("ada@acme.example "); d.Allowed || d.By != "mailbox" || d.RetryAfter != time.Minute {
			t.Fatalf("the same mailbox: %+v", d)
		}
	}
	if d := spend("grace@acme.example"); !d.Allowed { // what was refused took nothing from the tenant
		t.Fatalf("another mailbox: %+v", d)
	}
	if d := spend("hedy@acme.example"); d.Allowed || d.By != "tenant" || d.RetryAfter != time.Hour {
		t.Fatalf("beyond the tenant's: %+v", d)
	}
	if err := l.Return(t.Context(), of("grace@acme.example"), start); err != nil {
		t.Fatal(err)
	}
	if d := spend("grace@acme.example"); !d.Allowed {
		t.Errorf("after it was given back: %+v", d)
	}
	if _, err := l.Spend(t.Context(), []Budget{{Kind: "mailbox", Name: "x"}}, start); err == nil {
		t.Error("a budget without a policy is taken")
	}
}
