// Package fill makes the data of an installation of any size: people, tenants, memberships,
// roles, passwords, sessions, refresh families, audit events. Everything about the n-th of a
// kind follows from n, so that nothing has to be kept, or asked for, to know it: rows stream
// into COPY with memory that does not grow, and a benchmark can name any family and hold its
// refresh token.
package fill

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Size says how much there is. Every person has a password and a session.
type Size struct {
	Users    int `json:"users"`
	Families int `json:"families"`
	Tenants  int `json:"tenants"`
}

// Check says what cannot be.
func (s Size) Check() error {
	if s.Users < 1 || s.Families < 1 || s.Tenants < 1 {
		return fmt.Errorf("at least one user, one family and one tenant are needed, not %d, %d and %d", s.Users, s.Families, s.Tenants)
	}
	return nil
}

// Rows is how many rows Load writes, for a progress bar.
func (s Size) Rows() int64 {
	perTenant := 1
	for _, r := range roles {
		perTenant += 1 + len(r.permissions)
	}
	memberships := s.Users
	if s.Tenants > 1 {
		memberships += (s.Users + guestEvery - 1) / guestEvery
	}
	return int64(s.Tenants*perTenant + 3*s.Users + 2*memberships + s.Families + s.events())
}

// events is how many audit events there are: a tenth of what the families have seen.
func (s Size) events() int { return (s.Families + 9) / 10 }

// Set is the data of one installation.
type Set struct {
	Size
	// Began is about now: sessions and families are as old as they may be and still good for hours.
	Began time.Time
}

// Password is everybody's.
const Password = "correct horse battery staple"

// guestEvery says which people belong to a second tenant: one in ten.
const guestEvery = 10

// Member is a person together with what a benchmark needs to act for them.
type Member struct {
	Number  int
	ID      id.User
	Email   string
	Tenant  id.Tenant
	Slug    string // of the tenant
	Session id.Session
	Cookie  secret.Text // that proves the session
}

// Member returns the n-th person, in their home tenant.
func (s Set) Member(n int) Member {
	t := s.home(n)
	return Member{
		Number: n, ID: s.user(n), Email: email(n), Tenant: s.tenant(t), Slug: slug(t),
		Session: s.session(n), Cookie: cookie(n),
	}
}

// Members returns count people spread evenly over all of them, none of whom has to choose among
// tenants; fewer when there are not that many.
func (s Set) Members(count int) []Member {
	var out []Member
	stride := max(1, s.Users/max(1, count))
	for n := 0; n < s.Users && len(out) < count; n += stride {
		m := n
		if s.guest(m) {
			if stride == 1 {
				continue
			}
			m++ // its neighbour is none
		}
		if m < s.Users && !s.guest(m) {
			out = append(out, s.Member(m))
		}
	}
	return out
}

// Family is a refresh family that was never rotated.
type Family struct {
	ID     id.Grant
	Member Member
}

// Family returns the n-th family. Families belong to people in no order, as they do when people
// sign in whenever they like.
func (s Set) Family(n int) Family {
	return Family{ID: id.GrantFromUUID(s.uuid(kindFamily, n, s.Families)), Member: s.Member(s.owner(n))}
}

// Spread returns count families spread evenly over all of them; fewer when there are not that
// many.
func (s Set) Spread(count int) []Family {
	count = min(count, s.Families)
	out := make([]Family, count)
	for i := range out {
		out[i] = s.Family(int(int64(i) * int64(s.Families) / int64(count)))
	}
	return out
}

// kind tells the sequences of identifiers apart.
type kind uint64

const (
	kindTenant kind = iota + 1
	kindUser
	kindSession
	kindFamily
	kindOwner
	kindEvent
)

// history is how far back the oldest rows go.
const history = 12 * time.Hour

func (s Set) tenant(n int) id.Tenant { return id.TenantFromUUID(s.uuid(kindTenant, n, s.Tenants)) }
func (s Set) user(n int) id.User     { return id.UserFromUUID(s.uuid(kindUser, n, s.Users)) }
func (s Set) session(n int) id.Session {
	return id.SessionFromUUID(s.uuid(kindSession, n, s.Users))
}

// home is the number of the tenant that a person belongs to, away that of the second one.
func (s Set) home(n int) int   { return n % s.Tenants }
func (s Set) away(n int) int   { return (n + 1) % s.Tenants }
func (s Set) guest(n int) bool { return s.Tenants > 1 && n%guestEvery == 0 }

// owner is whose the n-th family is.
func (s Set) owner(n int) int { return int(mix(uint64(kindOwner), uint64(n)) % uint64(s.Users)) }

// at is when the n-th of count came to be, evenly over the history.
func (s Set) at(n, count int) time.Time {
	return s.Began.Add(-history + time.Duration(float64(history)*float64(n)/float64(count)))
}

// uuid is a UUIDv7 (RFC 9562 §5.7) whose time is that of the row, so that the rows lie in the
// index as those of a real installation do.
func (s Set) uuid(k kind, n, count int) [16]byte {
	var u [16]byte
	binary.BigEndian.PutUint64(u[0:], mix(uint64(k), uint64(2*n)))
	binary.BigEndian.PutUint64(u[8:], mix(uint64(k), uint64(2*n+1)))
	ms := uint64(s.at(n, count).UnixMilli())
	binary.BigEndian.PutUint16(u[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(u[2:], uint32(ms))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// mix spreads the pair over 64 bits (the finaliser of SplitMix64, twice).
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b
	for range 2 {
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}

func email(n int) string { return fmt.Sprintf("person%d@company.example", n) }
func slug(n int) string  { return fmt.Sprintf("tenant-%d", n) }

// cookie is the session token of the n-th person, 43 characters like a generated one.
func cookie(n int) secret.Text {
	sum := sha256.Sum256(fmt.Appendf(nil, "session of a benchmark %d", n))
	return secret.New(base64.RawURLEncoding.EncodeToString(sum[:]))
}
