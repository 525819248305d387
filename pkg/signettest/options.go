package signettest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// TokenOption says something about a token. Given to New it holds for every token of the issuer.
type TokenOption func(*draft)

func (o TokenOption) applyIssuer(i *Issuer) { i.defaults = append(i.defaults, o) }

// draft is a token to be.
type draft struct {
	now       time.Time // the issuer's
	claims    map[string]any
	scopes    []string // what the claim scope says
	header    map[string]any
	payload   []byte // instead of claims, if not nil
	algorithm keys.Algorithm
	kid       *string // nil: that of the active key
	finish    finish
}

// finish is how a token is signed.
type finish int

const (
	signed finish = iota
	unsigned
	publicKey
	stranger
	tampered
	malleated
)

func set(name string, value any) TokenOption {
	return func(d *draft) { d.claims[name] = value }
}

// list copies names; none of them are an empty list and not null.
func list(names []string) []string { return append([]string{}, names...) }

// Subject sets sub, by Signet's custom usr_… for people.
func Subject(sub string) TokenOption { return set("sub", sub) }

// ClientID sets client_id: the application through which the person acts.
func ClientID(id string) TokenOption { return set("client_id", id) }

// Audience sets aud. One name is written as text and several as a list, which mean the same (RFC
// 7519 §4.1.3).
func Audience(names ...string) TokenOption {
	if len(names) == 1 {
		return set("aud", names[0])
	}
	return set("aud", list(names))
}

// IssuedBy sets iss: another issuer than the one that signs.
func IssuedBy(issuer string) TokenOption { return set("iss", issuer) }

// Machine makes the token one that a client got for itself: its sub is its client_id (RFC 9068
// §2.2), and what only people have is left out.
func Machine(clientID string) TokenOption {
	return func(d *draft) {
		d.claims["sub"], d.claims["client_id"] = clientID, clientID
		for _, name := range []string{"sid", "grant_id", "auth_time", "acr", "amr", "roles", "permissions"} {
			delete(d.claims, name)
		}
	}
}

// Scope sets the scopes (RFC 6749 §3.3), all of them: scopes of an earlier option, Permission
// included, are forgotten.
func Scope(names ...string) TokenOption {
	return func(d *draft) { d.scopes, d.claims["scope"] = names, strings.Join(names, " ") }
}

// Permission sets the permissions that the person holds, all of them, and gives the client the
// scopes of those names, which bearer.Permission asks for as well. A Scope that follows takes
// scopes away again.
func Permission(names ...string) TokenOption {
	return func(d *draft) {
		scopes := slices.Clone(d.scopes)
		for _, name := range names {
			if !slices.Contains(scopes, name) {
				scopes = append(scopes, name)
			}
		}
		Scope(scopes...)(d)
		d.claims["permissions"] = list(names)
	}
}

// PermissionsOmitted leaves the permissions out and says so (permissions_omitted), as Signet does
// when they would make the token too large.
func PermissionsOmitted() TokenOption {
	return func(d *draft) {
		delete(d.claims, "permissions")
		d.claims["permissions_omitted"] = true
	}
}

// Role sets the roles that the person has in the tenant, all of them.
func Role(names ...string) TokenOption { return set("roles", list(names)) }

// Tenant sets tenant_id, by Signet's custom ten_…, and tenant, the slug.
func Tenant(id, slug string) TokenOption {
	return func(d *draft) { d.claims["tenant_id"], d.claims["tenant"] = id, slug }
}

// NoTenant makes a token that belongs to no tenant.
func NoTenant() TokenOption { return Without("tenant_id", "tenant", "roles", "permissions") }

// TokenID sets jti; the default is different for each token.
func TokenID(jti string) TokenOption { return set("jti", jti) }

// SessionID sets sid.
func SessionID(sid string) TokenOption { return set("sid", sid) }

// GrantID sets grant_id.
func GrantID(id string) TokenOption { return set("grant_id", id) }

// ExpiresIn sets exp, from the issuer's clock on; negative for a token that has expired. The
// default is ten minutes. Verifiers tolerate a difference of clocks, 30 seconds unless told
// otherwise: a token that is to be refused expired longer ago than that.
func ExpiresIn(d time.Duration) TokenOption {
	return func(draft *draft) { draft.claims["exp"] = draft.now.Add(d).Unix() }
}

// IssuedAt sets iat, in whole seconds.
func IssuedAt(t time.Time) TokenOption { return set("iat", t.Unix()) }

// NotBefore sets nbf, in whole seconds.
func NotBefore(t time.Time) TokenOption { return set("nbf", t.Unix()) }

// SignedInAt sets auth_time, in whole seconds.
func SignedInAt(t time.Time) TokenOption { return set("auth_time", t.Unix()) }

// Claim sets any claim to what json.Marshal makes of value; nil is JSON's null. See Without.
func Claim(name string, value any) TokenOption { return set(name, value) }

// Without leaves claims out.
func Without(names ...string) TokenOption {
	return func(d *draft) {
		for _, name := range names {
			delete(d.claims, name)
		}
	}
}

// Payload signs these bytes instead of claims, whatever they are.
func Payload(payload []byte) TokenOption {
	payload = append([]byte{}, payload...)
	return func(d *draft) { d.payload = payload }
}

// Type sets the header's typ; "" leaves it out. That of access tokens is at+jwt (RFC 9068 §2.1),
// that of ID tokens JWT.
func Type(typ string) TokenOption { return Header("typ", typ) }

// Header sets any member of the header: jku, crit and so on. nil and "" leave it out. Use KeyID and
// Algorithm for a token that is signed accordingly; Header("alg", …) changes what the header says
// and not how the token is signed.
func Header(name string, value any) TokenOption {
	return func(d *draft) {
		if value == "" {
			value = nil
		}
		d.header[name] = value
	}
}

// Algorithm signs with the active key of that algorithm. Its keys are made and published now unless
// New was told by the option Algorithms; verifiers that have fetched the keys before must fetch
// them again.
func Algorithm(alg keys.Algorithm) TokenOption { return func(d *draft) { d.algorithm = alg } }

// KeyID signs with that key of the issuer, published or not: one that Rotate retired, or Compromise
// or Remove withdrew. If the issuer never had such a key, its active one signs and the header says
// kid; "" leaves kid out.
func KeyID(kid string) TokenOption { return func(d *draft) { d.kid = &kid } }

func end(f finish) TokenOption { return func(d *draft) { d.finish = f } }

// Unsigned makes a token with alg "none" and an empty signature (RFC 7515 §A.5).
func Unsigned() TokenOption { return end(unsigned) }

// SignedWithPublicKey makes a token with alg HS256 whose secret is the issuer's public key in PEM,
// which everybody has: the attack of RFC 8725 §2.1.
func SignedWithPublicKey() TokenOption { return end(publicKey) }

// SignedByStranger signs with a key that the issuer never had and says the kid of one that it has.
func SignedByStranger() TokenOption { return end(stranger) }

// Tampered changes sub after the token was signed.
func Tampered() TokenOption { return end(tampered) }

// Malleated replaces the ES256 signature (r, s) by (r, n − s), which is as valid: the token means
// the same and its bytes differ. Whoever blocks tokens must not go by their bytes. Other algorithms
// sign as usual, since theirs have no second form.
func Malleated() TokenOption { return end(malleated) }

// draft returns the claims of a token about which nobody says anything: one of a person, as Signet
// makes them (RFC 9068 §2.2).
func (i *Issuer) draft(now time.Time) *draft {
	return &draft{
		now: now,
		claims: map[string]any{
			"iss": i.URL(), "aud": DefaultAudience, "sub": "usr_test", "client_id": "test-app",
			"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": unique("jti_"),
			"auth_time": now.Unix(), "sid": "ses_test", "grant_id": "gra_test",
			"tenant_id": "ten_test", "tenant": "test", "roles": []string{}, "permissions": []string{},
		},
		header: map[string]any{"typ": "at+jwt"},
	}
}

// body returns what is to be signed.
func (d *draft) body() ([]byte, error) {
	if d.payload != nil {
		return d.payload, nil
	}
	return json.Marshal(d.claims)
}

// head returns the header with alg and kid.
func (d *draft) head(alg, kid string) ([]byte, error) {
	header := map[string]any{"alg": alg, "kid": kid}
	if kid == "" {
		delete(header, "kid")
	}
	maps.Copy(header, d.header)
	maps.DeleteFunc(header, func(_ string, v any) bool { return v == nil })
	return json.Marshal(header)
}
