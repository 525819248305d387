package orders

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signet-id/signet/pkg/verify"
)

// Order is one sale of a tenant.
type Order struct {
	ID        string    `json:"id"`
	Customer  string    `json:"customer"`
	Item      string    `json:"item"`
	Cents     int64     `json:"cents"` // in Currency
	Currency  string    `json:"currency"`
	Status    string    `json:"status"` // "paid" or "refunded"
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"` // a subject
}

const (
	paid     = "paid"
	refunded = "refunded"
	// maxOrders bounds a tenant's book: the oldest go first.
	maxOrders = 200
)

// tenant is whose orders they are. The id stays when the slug changes, so that nobody comes into
// another's orders with a slug that was given away.
type tenant struct{ id, slug string }

func owner(c *verify.Claims) tenant { return tenant{c.TenantID, c.Tenant} }

// book is the orders of every tenant, in memory: a demonstration forgets them when it stops.
type book struct {
	mu      sync.Mutex
	tenants map[string]*ledger // by id
}

type ledger struct {
	next   int
	orders []Order // newest last
}

// of returns the tenant's ledger, with a few orders in it at first. The lock must be held.
func (b *book) of(t tenant, now time.Time) *ledger {
	if l, ok := b.tenants[t.id]; ok {
		return l
	}
	l := &ledger{next: 1041}
	for i, sample := range samples(t.slug) {
		sample.CreatedAt = now.Add(-time.Duration(len(samples(t.slug))-i) * 26 * time.Hour).UTC().Truncate(time.Minute)
		l.add(t, sample)
	}
	b.tenants[t.id] = l
	return l
}

func (l *ledger) add(t tenant, o Order) Order {
	o.ID = fmt.Sprintf("%.3s-%d", t.slug, l.next)
	o.Currency = "EUR"
	if o.Status == "" {
		o.Status = paid
	}
	l.next++
	l.orders = append(l.orders, o)
	if excess := len(l.orders) - maxOrders; excess > 0 {
		l.orders = slices.Delete(l.orders, 0, excess)
	}
	return o
}

// list returns the tenant's orders, newest first.
func (b *book) list(t tenant, now time.Time) []Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.of(t, now).orders)
	slices.Reverse(out)
	return out
}

func (b *book) create(t tenant, o Order, now time.Time) Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.CreatedAt = now.UTC().Truncate(time.Second)
	return b.of(t, now).add(t, o)
}

// refund marks an order; found is false when the tenant has no such order, done when it had
// been refunded before.
func (b *book) refund(t tenant, id string, now time.Time) (o Order, found, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(t, now)
	for i := range l.orders {
		if l.orders[i].ID == id {
			done = l.orders[i].Status == refunded
			l.orders[i].Status = refunded
			return l.orders[i], true, done
		}
	}
	return Order{}, false, false
}

func samples(slug string) []Order {
	if slug == "globex" {
		return []Order{
			{Customer: "Hank Scorpio", Item: "Volcano lair, one month", Cents: 1250000},
			{Customer: "Mei-Lin Zhao", Item: "Desk lamp", Cents: 4900},
			{Customer: "Nadia Haddad", Item: "Standing desk", Cents: 64900, Status: refunded},
			{Customer: "Tom\u00e1s Rivera", Item: "Whiteboard, 2 m", Cents: 18950},
		}
	}
	return []Order{
		{Customer: "Wile E. Coyote", Item: "Rocket skates", Cents: 12999, Status: refunded},
		{Customer: "Ingrid Solberg", Item: "Anvil, 50 kg", Cents: 8950},
		{Customer: "Kofi Mensah", Item: "Giant magnet", Cents: 23400},
		{Customer: "Aiko Tanaka", Item: "Tunnel paint, black", Cents: 1799},
	}
}
