package app_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
)

// Attackers who run a provider, or stand between people and one. Every attack ends on a page, with
// an audit event and a metric, has changed nothing that is stored, and leaves the sign-in of honest
// people working.

// federation is an application whose people sign in through one provider.
type federation struct {
	*apptest.App
	provider  *apptest.Provider
	connector connector.Connector
}

// federate starts one; edit, which may be nil, changes the connector before it is stored.
func federate(t *testing.T, edit func(*connector.Connector), opts ...apptest.Option) federation {
	t.Helper()
	f := federation{App: apptest.Start(t, opts...), provider: apptest.NewProvider(t)}
	c := f.provider.Connector()
	if edit != nil {
		edit(&c)
	}
	f.connector = f.AddConnector(t, c, f.provider.Secret)
	return f
}

// anywhere leaves the tenant out of an authorization request: who signs in is a member of none yet.
const anywhere = "organization"

// enters signs the person of the provider in with a fresh browser, which it returns: the browser
// comes out at the client or at the page for members of nothing.
func (f federation) enters(t *testing.T, what string) *apptest.Browser {
	t.Helper()
	b := f.Browser(t)
	if p := b.Follow(b.Through(f.connector.Reference, anywhere)); !signedIn(p) {
		t.Errorf("%s: an honest sign-in does not work: status %d, sent to %v, page %s\n%s", what, p.Status, p.Away, p.URL, p.Body)
	}
	return b
}

// signedIn reports whether the person got through to the client or to a page for people who are
// signed in.
func signedIn(p apptest.Page) bool {
	if p.Away != nil {
		return p.Away.Query().Get("code") != ""
	}
	return p.HasForm("/login/membership") || p.HasForm("/login/tenant") || p.HasForm("/consent")
}

// stored is how much there is of what an attack must not make.
func (f federation) stored(t *testing.T) (out struct{ Users, Verified, Identities, Memberships, Roles, Sessions int }) {
	t.Helper()
	row(t, f.App, `SELECT (SELECT count(*) FROM user_account), (SELECT count(*) FROM user_account WHERE email_verified),
		(SELECT count(*) FROM identity), (SELECT count(*) FROM membership), (SELECT count(*) FROM membership_role),
		(SELECT count(*) FROM browser_session)`,
		&out.Users, &out.Verified, &out.Identities, &out.Memberships, &out.Roles, &out.Sessions)
	return out
}

func (f federation) failures(t *testing.T, reference string) map[string]int {
	t.Helper()
	var raw []byte
	row(t, f.App, `SELECT coalesce(jsonb_object_agg(reason, n), '{}') FROM (SELECT detail->>'reason' AS reason, count(*) AS n FROM audit_event
		WHERE action = 'session.upstream_failed' AND detail->>'connector' = '`+reference+`' GROUP BY 1) r`, &raw)
	out := map[string]int{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// counted is what the metric of a connector's sign-ins says, by result.
func (f federation) counted(t *testing.T, reference string) map[string]float64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, f.OpsURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	series := fmt.Sprintf("signet_upstream_sign_ins_total{connector=%q,result=", reference)
	for line := range strings.SplitSeq(apptest.Do(t, req).Raw, "\n") {
		rest, ok := strings.CutPrefix(line, series)
		if !ok {
			continue
		}
		result, value, _ := strings.Cut(rest, "} ")
		if out[strings.Trim(result, `"`)], err = strconv.ParseFloat(value, 64); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// refused carries an attack out and checks that it ends as attacks have to, for one of the reasons.
func (f federation) refused(t *testing.T, what string, attack func(b *apptest.Browser) apptest.Page, reasons ...connector.Reason) apptest.Page {
	t.Helper()
	return f.refusedAt(t, f.connector.Reference, what, attack, reasons...)
}

func (f federation) refusedAt(t *testing.T, reference, what string, attack func(b *apptest.Browser) apptest.Page, reasons ...connector.Reason) apptest.Page {
	t.Helper()
	before, recorded := f.stored(t), f.failures(t, reference)
	counted := f.counted(t, reference)
	b := f.Browser(t)
	p := attack(b)
	page(t, what, p)
	if after := f.stored(t); after != before {
		t.Errorf("%s: what is stored changed from %+v to %+v", what, before, after)
	}
	if q := b.Get(f.AuthorizeURL("spa", anywhere, "prompt=none")); q.Away == nil || q.Away.Query().Get("error") != "login_required" {
		t.Errorf("%s: the browser is signed in: %v", what, q.Away)
	}
	var reason connector.Reason
	for result, n := range f.counted(t, reference) {
		if n > counted[result] {
			reason = connector.Reason(result)
		}
	}
	switch {
	case !slices.Contains(reasons, reason):
		t.Errorf("%s: the metric counts it as %q, want %q: %s", what, reason, reasons, p.Body)
	case reason == connector.Expired:
		// Without a state of ours anybody can have it said, as often as they like: it is counted and
		// in the log, and on record once for each state.
	default:
		eventually(t, what+" is on record", func() bool { return f.failures(t, reference)[string(reason)] == recorded[string(reason)]+1 })
	}
	return p
}

// page checks that something is a page for a person, with a way on.
func page(t *testing.T, what string, p apptest.Page) {
	t.Helper()
	if p.Away != nil || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") || p.Status >= 500 && p.Status != http.StatusServiceUnavailable && p.Status != http.StatusBadGateway {
		t.Errorf("%s: no page for a person: status %d, sent to %v: %s", what, p.Status, p.Away, p.Body)
	}
	if !strings.Contains(p.Body, "<a ") && !strings.Contains(p.Body, "<form") {
		t.Errorf("%s: the page leads nowhere: %s", what, p.Body)
	}
}

// through is the attack that is all the provider's: the person signs in as anybody would, as far as
// they are led.
func (f federation) through(b *apptest.Browser) apptest.Page {
	where := anywhere
	if tenant, _, of := strings.Cut(f.connector.Reference, "."); of {
		where = "organization=" + tenant // whose page alone offers it
	}
	p := b.Through(f.connector.Reference, where)
	if p.Away == nil {
		return p
	}
	return b.Follow(p)
}

func TestAnIDTokenThatIsNotForUsSignsNobodyIn(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	other := apptest.NewProvider(t)
	rsa := apptest.NewProviderKey(t, "RS256")
	f.provider.SetKeys(rsa)
	f.enters(t, "before")
	der, err := x509.MarshalPKIXPublicKey(rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	stolen := f.provider.Last().IDToken // of an attempt that is over
	claims := func(change map[string]any) apptest.Bend {
		return apptest.Bend{Claims: func(c map[string]any) {
			for name, value := range change {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}}
	}
	signed := func(header map[string]any, sign func(header, claims map[string]any) string) apptest.Bend {
		return apptest.Bend{Sign: sign, Header: func(h map[string]any) {
			for name, value := range header {
				if h[name] = value; value == nil {
					delete(h, name)
				}
			}
		}}
	}
	mac := func(secret []byte) func(h, c map[string]any) string {
		return func(h, c map[string]any) string { return apptest.SignJWT(h, c, apptest.HMAC(secret)) }
	}
	unsigned := func(h, c map[string]any) string { return apptest.SignJWT(h, c, apptest.Unsigned) }
	forger := apptest.NewProviderKey(t, "RS256")
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }

	for what, attack := range map[string]struct {
		bend   apptest.Bend
		reason connector.Reason
	}{
		"alg none":                         {signed(map[string]any{"alg": "none", "kid": nil}, unsigned), connector.BadToken},
		"alg None":                         {signed(map[string]any{"alg": "None"}, unsigned), connector.BadToken},
		"no alg":                           {signed(map[string]any{"alg": nil}, unsigned), connector.BadToken},
		"no signature":                     {signed(nil, unsigned), connector.BadToken},
		"HS256 with the public key, PEM":   {signed(map[string]any{"alg": "HS256"}, mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))), connector.BadToken},
		"HS256 with the public key, DER":   {signed(map[string]any{"alg": "HS256"}, mac(der)), connector.BadToken},
		"HS256 with the client secret":     {signed(map[string]any{"alg": "HS256"}, mac([]byte(f.provider.Secret.Reveal()))), connector.BadToken},
		"an unknown kid":                   {signed(map[string]any{"kid": "nobody's"}, forger.Sign), connector.BadToken},
		"somebody else's key, our kid":     {signed(nil, forger.Sign), connector.BadToken},
		"somebody else's key, no kid":      {signed(map[string]any{"kid": nil}, forger.Sign), connector.BadToken},
		"the key comes with the token":     {signed(map[string]any{"kid": forger.ID, "jwk": forger.JWK()}, forger.Sign), connector.BadToken},
		"the keys are where the token is":  {signed(map[string]any{"kid": other.Key().ID, "alg": "ES256", "jku": other.URL + "/jwks"}, other.Key().Sign), connector.BadToken},
		"a critical header nobody knows":   {signed(map[string]any{"crit": []string{"x"}, "x": 1}, rsa.Sign), connector.BadToken},
		"a logout token":                   {signed(map[string]any{"typ": "logout+jwt"}, rsa.Sign), connector.BadToken},
		"another audience":                 {claims(map[string]any{"aud": "another-client"}), connector.BadToken},
		"no audience":                      {claims(map[string]any{"aud": nil}), connector.BadToken},
		"an audience that begins like us":  {claims(map[string]any{"aud": f.provider.ClientID + "-2"}), connector.BadToken},
		"issued to another party":          {claims(map[string]any{"azp": "another-client"}), connector.BadToken},
		"several audiences, another party": {claims(map[string]any{"aud": []string{f.provider.ClientID, "another-client"}, "azp": "another-client"}), connector.BadToken},
		"another issuer":                   {claims(map[string]any{"iss": other.URL}), connector.BadToken},
		"the issuer with a slash":          {claims(map[string]any{"iss": f.provider.URL + "/"}), connector.BadToken},
		"no issuer":                        {claims(map[string]any{"iss": nil}), connector.BadToken},
		"no nonce":                         {claims(map[string]any{"nonce": nil}), connector.BadToken},
		"another nonce":                    {claims(map[string]any{"nonce": "another"}), connector.BadToken},
		"no subject":                       {claims(map[string]any{"sub": nil}), connector.BadToken},
		"an empty subject":                 {claims(map[string]any{"sub": ""}), connector.BadToken},
		"an endless subject":               {claims(map[string]any{"sub": strings.Repeat("x", 5000)}), connector.BadToken},
		"the hash of another access token": {claims(map[string]any{"at_hash": apptest.AccessTokenHash("RS256", "another")}), connector.BadToken},
		"expired":                          {claims(map[string]any{"iat": ago(2 * time.Hour), "exp": ago(time.Hour)}), connector.Clock},
		"no expiry":                        {claims(map[string]any{"exp": nil}), connector.BadToken},
		"issued in an hour":                {claims(map[string]any{"iat": ago(-time.Hour), "exp": ago(-2 * time.Hour)}), connector.Clock},
		"not valid before an hour":         {claims(map[string]any{"nbf": ago(-time.Hour)}), connector.Clock},
		"an ID token of another attempt":   {signed(nil, func(_, _ map[string]any) string { return stolen }), connector.BadToken},
		"no ID token":                      {apptest.Bend{Token: func(a map[string]any) { delete(a, "id_token") }}, connector.BadAnswer},
		"something else than an ID token":  {apptest.Bend{Token: func(a map[string]any) { a["id_token"] = "a.b.c" }}, connector.BadToken},
		"an ID token that is a number":     {apptest.Bend{Token: func(a map[string]any) { a["id_token"] = 7 }}, connector.BadAnswer},
	} {
		f.provider.Bend(attack.bend)
		f.refused(t, what, f.through, attack.reason, connector.BadToken, connector.BadAnswer)
	}
	f.provider.Bend(apptest.Bend{})
	f.enters(t, "after")
}

func TestAnAnswerCountsForTheProviderAndTheBrowserThatItWasAskedOf(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	other := apptest.NewProvider(t)
	c := other.Connector()
	c.Slug, c.ClientID = "other", f.provider.ClientID // the same client id at both
	other.ClientID = c.ClientID
	second := f.AddConnector(t, c, other.Secret)
	f.provider.Callback, other.Callback = f.URL+f.connector.CallbackPath(), f.URL+second.CallbackPath()
	f.enters(t, "before")
	exchanged := func() int { return f.provider.Requests("token") + other.Requests("token") }
	before := exchanged()

	f.refusedAt(t, second.Reference, "the answer of one provider at the callback of another", func(b *apptest.Browser) apptest.Page {
		answer := b.Answer(b.Through(f.connector.Reference, anywhere))
		answer.Path = second.CallbackPath()
		return b.Return(answer.String())
	}, connector.Expired)

	iss := func(value string) func(b *apptest.Browser) apptest.Page {
		return func(b *apptest.Browser) apptest.Page {
			answer := b.Answer(b.Through(f.connector.Reference, anywhere))
			q := answer.Query()
			q.Del("iss")
			if value != "" {
				q.Set("iss", value)
			}
			answer.RawQuery = q.Encode()
			return b.Return(answer.String())
		}
	}
	f.refused(t, "an answer that says it is another provider's", iss(other.URL), connector.WrongIssuer)
	f.refused(t, "an answer that does not say whose it is, of a provider that says so", iss(""), connector.WrongIssuer)
	f.refused(t, "an answer whose issuer ends in a slash", iss(f.provider.URL+"/"), connector.WrongIssuer)
	b := f.Browser(t)
	answer := b.Answer(b.Through(f.connector.Reference, anywhere))
	answer.RawQuery = "iss=" + url.QueryEscape(other.URL) + "&" + answer.RawQuery
	if p := b.Return(answer.String()); p.Status != http.StatusBadRequest || signedIn(p) {
		t.Errorf("an answer with two issuers: status %d, sent to %v: %s", p.Status, p.Away, p.Body)
	}

	f.refused(t, "the state of another browser", func(b *apptest.Browser) apptest.Page {
		attacker := f.Browser(t)
		return b.Return(attacker.Answer(attacker.Through(f.connector.Reference, anywhere)).String())
	}, connector.Expired)
	f.refused(t, "the state of another browser, in one that has begun itself", func(b *apptest.Browser) apptest.Page {
		attacker := f.Browser(t)
		b.Through(f.connector.Reference, anywhere)
		return b.Return(attacker.Answer(attacker.Through(f.connector.Reference, anywhere)).String())
	}, connector.Expired)
	f.refused(t, "a state that is made up", func(b *apptest.Browser) apptest.Page {
		answer := b.Answer(b.Through(f.connector.Reference, anywhere))
		q := answer.Query()
		q.Set("state", secret.Generate().Reveal())
		answer.RawQuery = q.Encode()
		return b.Return(answer.String())
	}, connector.Expired)
	f.refused(t, "no state", func(b *apptest.Browser) apptest.Page {
		answer := b.Answer(b.Through(f.connector.Reference, anywhere))
		q := answer.Query()
		q.Del("state")
		answer.RawQuery = q.Encode()
		return b.Return(answer.String())
	}, connector.Expired)
	if n := exchanged() - before; n != 0 {
		t.Errorf("%d codes were sent to a token endpoint by attacks that need none", n)
	}
	f.enters(t, "after")
}

func TestAStateIsGoodOnceAndTheBackButtonLeadsOn(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	b := f.Browser(t)
	answer := b.Answer(b.Through(f.connector.Reference, anywhere)).String()
	if p := b.Return(answer); !signedIn(p) {
		t.Fatalf("status %d, sent to %v: %s", p.Status, p.Away, p.Body)
	}
	exchanged, before := f.provider.Requests("token"), f.stored(t)
	if p := b.Return(answer); !signedIn(p) {
		t.Errorf("the same answer again, in the browser that is signed in: status %d, sent to %v: %s", p.Status, p.Away, p.Body)
	}
	f.refused(t, "the same answer in another browser", func(b *apptest.Browser) apptest.Page { return b.Return(answer) }, connector.Expired)
	if n := f.provider.Requests("token") - exchanged; n != 0 {
		t.Errorf("a code was sent %d times more", n)
	}
	if after := f.stored(t); after != before {
		t.Errorf("what is stored changed from %+v to %+v", before, after)
	}
}

func TestACodeOfSomebodyElseIsOfNoUse(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	f.enters(t, "before")
	inject := func(b *apptest.Browser) apptest.Page {
		victim := f.Browser(t) // whose code the attacker has got hold of, unspent
		code := victim.Answer(victim.Through(f.connector.Reference, anywhere)).Query().Get("code")
		answer := b.Answer(b.Through(f.connector.Reference, anywhere))
		q := answer.Query()
		q.Set("code", code)
		answer.RawQuery = q.Encode()
		return b.Return(answer.String())
	}
	f.refused(t, "a code of another attempt (RFC 7636)", inject, connector.CodeRefused)
	f.provider.Bend(apptest.Bend{NoPKCE: true})
	f.refused(t, "the same at a provider that does not heed PKCE", inject, connector.BadToken)
	f.provider.Bend(apptest.Bend{})
	f.enters(t, "after")
}
