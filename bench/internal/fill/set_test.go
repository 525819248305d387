package fill

import (
	"reflect"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/id"
)

func set(users, families, tenants int) Set {
	return Set{Size: Size{Users: users, Families: families, Tenants: tenants}, Began: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

func TestEveryRowHasAValueForEachColumnAndTheNumberOfRowsIsKnown(t *testing.T) {
	t.Parallel()
	for _, s := range []Set{set(1, 1, 1), set(7, 20, 3), set(100, 1005, 10), set(25, 40, 1)} {
		var rows int64
		for _, table := range s.tables("hash") {
			table.rows(func(row ...any) bool {
				if rows++; len(row) != len(table.columns) {
					t.Fatalf("%s: %d values for %d columns", table.name, len(row), len(table.columns))
				}
				return true
			})
		}
		if rows != s.Rows() {
			t.Errorf("%v makes %d rows and says %d", s.Size, rows, s.Rows())
		}
	}
}

func TestATableEndsWhenNobodyAsksForMore(t *testing.T) {
	t.Parallel()
	for _, table := range set(30, 30, 3).tables("hash") {
		n := 0
		table.rows(func(...any) bool { n++; return n < 2 })
		if n != 2 {
			t.Errorf("%s went on for %d rows", table.name, n)
		}
	}
}

func TestTheSameNumberIsAlwaysTheSamePersonAndNoTwoShareAnything(t *testing.T) {
	t.Parallel()
	s := set(5000, 20_000, 50)
	seen := map[any]bool{}
	add := func(what any) {
		if seen[what] {
			t.Fatalf("%v exists twice", what)
		}
		seen[what] = true
	}
	for n := range s.Users {
		m := s.Member(n)
		if !reflect.DeepEqual(m.ID, s.Member(n).ID) || m.Cookie.Hash() != s.Member(n).Cookie.Hash() {
			t.Fatalf("person %d differs from one time to the next", n)
		}
		for _, what := range []any{m.ID, m.Session, m.Email, m.Cookie.Hash()} {
			add(what)
		}
	}
	for n := range s.Families {
		add(s.Family(n).ID)
	}
	for n := range s.Tenants {
		add(s.tenant(n))
	}
}

func TestIdentifiersLieInTheIndexInTheOrderInWhichTheyCameToBe(t *testing.T) {
	t.Parallel()
	s := set(10, 1000, 3)
	time7 := func(u [16]byte) (ms int64) {
		for _, b := range u[:6] {
			ms = ms<<8 | int64(b)
		}
		return ms
	}
	last := int64(0)
	for n := range s.Families {
		u := s.Family(n).ID.UUID()
		if ms := time7(u); ms < last || ms > s.Began.UnixMilli() {
			t.Fatalf("family %d is of %d, after one of %d", n, ms, last)
		} else {
			last = ms
		}
		if u[6]>>4 != 7 || u[8]>>6 != 2 {
			t.Fatalf("family %d is no UUIDv7: %x", n, u)
		}
		if parsed, err := id.ParseGrant(s.Family(n).ID.String()); err != nil || parsed != s.Family(n).ID {
			t.Fatalf("family %d does not read back: %v", n, err)
		}
	}
}

func TestFamiliesBelongToPeopleInNoOrderAndToAll(t *testing.T) {
	t.Parallel()
	s := set(100, 10_000, 10)
	owned, neighbours := make([]int, s.Users), 0
	for n := range s.Families {
		owned[s.owner(n)]++
		if n > 0 && s.owner(n) == s.owner(n-1)+1 {
			neighbours++
		}
	}
	for n, count := range owned {
		if count < 50 || count > 150 {
			t.Errorf("person %d has %d families of 100 expected", n, count)
		}
	}
	if neighbours > 300 {
		t.Errorf("%d families of %d belong to the next person", neighbours, s.Families)
	}
}

func TestASliceIsSpreadOverEverything(t *testing.T) {
	t.Parallel()
	s := set(10_000, 50_000, 10)
	f := s.Spread(100)
	if len(f) != 100 || f[0].ID != s.Family(0).ID || f[99].ID != s.Family(49_500).ID {
		t.Errorf("%d families", len(f))
	}
	if got := len(set(5, 30, 1).Spread(100)); got != 30 {
		t.Errorf("%d of 30 families", got)
	}
	m := s.Members(100)
	if len(m) != 100 || m[99].Number < 9000 {
		t.Errorf("%d people, the last is %d", len(m), m[len(m)-1].Number)
	}
	for _, small := range []Set{set(1, 1, 1), set(35, 1, 4), set(35, 1, 1)} {
		numbers := map[int]bool{}
		for _, m := range small.Members(100) {
			if small.guest(m.Number) || numbers[m.Number] || m.Number >= small.Users {
				t.Errorf("%v: person %d would have to choose a tenant, is there twice, or not at all", small.Size, m.Number)
			}
			numbers[m.Number] = true
		}
		if len(numbers) == 0 {
			t.Errorf("%v: nobody", small.Size)
		}
	}
}

func TestASizeOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []Size{{}, {1, 1, 0}, {0, 1, 1}, {1, -1, 1}} {
		if s.Check() == nil {
			t.Errorf("%v passed", s)
		}
	}
	if err := (Size{1, 1, 1}).Check(); err != nil {
		t.Error(err)
	}
}
