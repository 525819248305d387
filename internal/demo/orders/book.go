package orders

import (
	"fmt"
	"slices"
	"sync"
	"time"
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

// book is the orders of every tenant, in memory: a demonstration forgets them when it stops.
type book struct {
	mu      sync.Mutex
	tenants map[string]*ledger
}

type ledger struct {
	next   int
	orders []Order // newest last
}

// of returns the tenant's ledger, with a few orders in it at first. The lock must be held.
func (b *book) of(tenant string, now time.Time) *ledger {
	if l, ok := b.tenants[tenant]; ok {
		return l
	}
	l := &ledger{next: 1041}
	for i, sample := range samples(tenant) {
		sample.CreatedAt = now.Add(-time.Duration(len(samples(tenant))-i) * 26 * time.Hour).UTC().Truncate(time.Minute)
		l.add(tenant, sample)
	}
	b.tenants[tenant] = l
	return l
}

func (l *ledger) add(tenant string, o Order) Order {
	o.ID = fmt.Sprintf("%.3s-%d", tenant, l.next)
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
func (b *book) list(tenant string, now time.Time) []Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.of(tenant, now).orders)
	slices.Reverse(out)
	return out
}

func (b *book) create(tenant string, o Order, now time.Time) Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.CreatedAt = now.UTC().Truncate(time.Second)
	return b.of(tenant, now).add(tenant, o)
}

// refund marks an order; found is false when the tenant has no such order, done when it had
// been refunded before.
func (b *book) refund(tenant, id string, now time.Time) (o Order, found, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of(tenant, now)
	for i := range l.orders {
		if l.orders[i].ID == id {
			done = l.orders[i].Status == refunded
			l.orders[i].Status = refunded
			return l.orders[i], true, done
		}
	}
	return Order{}, false, false
}

func samples(tenant string) []Order {
	if tenant == "globex" {
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
