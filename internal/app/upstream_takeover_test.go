package app_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/installation"
)

// Attackers who would like to be somebody that has an account here, by what their provider says of
// them.

// person is Jane with other claims; nil takes one away.
func person(changes map[string]any) map[string]any {
	out := apptest.Jane()
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// owns stores a domain that a tenant has proven.
func owns(t *testing.T, a *apptest.App, tenant, domain string) {
	t.Helper()
	exec(t, a, `INSERT INTO tenant_domain (tenant_id, domain, challenge, verified_at, verified_by)
		SELECT id, $2, 'x', now(), 'dns' FROM tenant WHERE slug = $1`, tenant, domain)
}

// identitiesOf counts the identities of the account with an address.
func identitiesOf(t *testing.T, a *apptest.App, email string) int {
	t.Helper()
	return records(t, a, `SELECT count(*) FROM identity i JOIN user_account u ON u.id = i.user_id WHERE u.email = $1`, email)
}

// asks carries an attack out that has to end at the demand to sign in to the account first, with
// nothing linked and nobody signed in.
func (f federation) asks(t *testing.T, what string, owner string, attack func(b *apptest.Browser) apptest.Page) {
	t.Helper()
	before := f.stored(t)
	b := f.Browser(t)
	p := attack(b)
	page(t, what, p)
	if p.Status >= 500 {
		t.Errorf("%s: status %d", what, p.Status)
	}
	if after := f.stored(t); after != before {
		t.Errorf("%s: what is stored changed from %+v to %+v", what, before, after)
	}
	if q := b.Get(f.AuthorizeURL("spa", anywhere, "prompt=none")); q.Away == nil || q.Away.Query().Get("error") != "login_required" {
		t.Errorf("%s: the browser is signed in: %v", what, q.Away)
	}
	if n := identitiesOf(t, f.App, owner); n != 0 {
		t.Errorf("%s: %d identities are linked to the account", what, n)
	}
	// The next visit meets the same demand: nothing was kept that lets anybody in.
	if p := attack(f.Browser(t)); signedIn(p) {
		t.Errorf("%s: the second visit gets in: %v", what, p.Away)
	}
}

func TestAnAddressSignsNobodyInToAnAccountThatExists(t *testing.T) {
	t.Parallel()
	const kim = "kim@acme.example"
	hash := apptest.Installation(t).Users[0].PasswordHash
	f := federate(t, nil, apptest.WithInstallation(installation.Installation{Users: []installation.User{
		{Email: kim, EmailVerified: true, Name: "Kim", PasswordHash: hash},
		{Email: "unproven@acme.example", Name: "Unproven", PasswordHash: hash},
	}}))
	owns(t, f.App, "acme", "acme.example")
	f.enters(t, "before")

	f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Ada, "email_verified": false}))
	f.refused(t, "an address that is not verified", f.through, connector.NotVouched)
	f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Ada, "email_verified": "false"}))
	f.refused(t, "an address that is not verified, as text", f.through, connector.NotVouched, connector.BadAnswer, connector.BadToken)
	f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Ada, "email_verified": nil}))
	f.refused(t, "an address of which nothing is said", f.through, connector.NotVouched)

	// Split source: the ID token has the address, another document says that one is verified.
	f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Ada, "email_verified": true}))
	f.provider.Bend(apptest.Bend{Claims: func(c map[string]any) { delete(c, "email_verified") }})
	f.refused(t, "an address that is verified in userinfo only", f.through, connector.NotVouched)
	f.provider.Bend(apptest.Bend{Token: func(a map[string]any) { a["email"], a["email_verified"] = apptest.Ada, true },
		Claims: func(c map[string]any) { delete(c, "email"); delete(c, "email_verified") }})
	f.refused(t, "an address beside the ID token", f.through, connector.NotVouched, connector.NoAddress)
	f.provider.Bend(apptest.Bend{Claims: func(c map[string]any) { c["email"] = []string{"jane@partner.example", apptest.Ada} }})
	f.refused(t, "two addresses", f.through, connector.NotVouched, connector.NoAddress, connector.BadAnswer, connector.BadToken)
	f.provider.Bend(apptest.Bend{})
	if n := f.provider.Requests("userinfo"); n != 0 {
		t.Errorf("userinfo was asked %d times", n)
	}

	for what, address := range map[string]string{
		"the address itself": apptest.Ada, "the address in capitals": strings.ToUpper(apptest.Ada),
		"the address with blanks": " " + apptest.Ada + " ",
	} {
		f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": address}))
		f.asks(t, what, apptest.Ada, f.through)
	}
	f.provider.SignedIn(person(map[string]any{"sub": "mallory", "email": "unproven@acme.example"}))
	f.asks(t, "an account whose own address nobody has proven", "unproven@acme.example", f.through)

	// What only looks like an address is another one, or none.
	for what, address := range map[string]string{
		"a Kelvin sign":            "\u212aim@acme.example",
		"a Cyrillic letter":        "k\u0456m@acme.example",
		"a dotless i":              "k\u0131m@acme.example",
		"a fullwidth domain":       "kim@\uff41cme.example",
		"a soft hyphen":            "k\u00adim@acme.example",
		"a zero-width joiner":      "k\u200dim@acme.example",
		"a full stop of another":   "kim@acme\u3002example",
		"a tag":                    "kim+x@acme.example",
		"a quoted local part":      `"kim"@acme.example`,
		"a second address":         "kim@acme.example,mallory@evil.example",
		"a line break":             "kim@acme.example\r\nBcc: mallory@evil.example",
		"a null character":         "kim@acme.example\x00.evil.example",
		"a domain that ends alike": "kim@evil-acme.example",
	} {
		f.provider.SignedIn(person(map[string]any{"sub": "mallory " + what, "email": address}))
		b := f.Browser(t)
		p := f.through(b)
		if n := identitiesOf(t, f.App, kim); n != 0 {
			t.Fatalf("%s: %q is linked to the account of %s", what, address, kim)
		}
		if p.Status >= 500 {
			t.Errorf("%s: status %d", what, p.Status)
		}
		if q := b.Get(f.AuthorizeURL("spa", "organization=acme", "prompt=none")); q.Away == nil || q.Away.Query().Get("code") != "" {
			t.Errorf("%s: the browser gets into acme: %v", what, q.Away)
		}
	}

	f.provider.SignedIn(apptest.Jane())
	f.enters(t, "after")
}

func TestATenantsConnectorVouchesForTheTenantsDomainsAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	owns(t, a, "acme", "acme.example")
	owns(t, a, "globex", "globex.example")
	p := apptest.NewProvider(t)
	c := p.Connector()
	c.Tenant, c.Joins, c.Authoritative = a.TenantID(t, "globex"), a.TenantID(t, "globex"), true // as much as a tenant can claim
	f := federation{App: a, provider: p}
	f.connector = a.AddConnector(t, c, p.Secret)
	if f.connector.Reference != "globex.partner" {
		t.Fatalf("its reference is %s", f.connector.Reference)
	}
	for what, address := range map[string]string{
		"somebody of another tenant's domain":  apptest.Ada,
		"somebody of nobody's domain":          apptest.Nobody,
		"the administrator of it all":          apptest.Opal,
		"a domain below one that is its own":   "x@sub.globex.example",
		"a domain that ends like one":          "x@notglobex.example",
		"somebody new of another's domain":     "new@acme.example",
		"a domain that looks like its own":     "x@gl\u043ebex.example",
		"its domain in front of another":       "x@globex.example@acme.example",
		"its own domain as the local part":     "globex.example@acme.example",
		"an address without a domain":          "globex.example",
		"a domain that is its own with a port": "x@globex.example:25",
	} {
		p.SignedIn(person(map[string]any{"sub": "mallory", "email": address}))
		f.refused(t, what, f.through, connector.NotVouched)
	}
	for _, address := range []string{apptest.Ada, apptest.Nobody, apptest.Opal} {
		if n := identitiesOf(t, a, address); n != 0 {
			t.Errorf("%d identities are linked to %s", n, address)
		}
	}
	// Its own people are its own, the account that exists included.
	p.SignedIn(person(map[string]any{"sub": "linus", "email": apptest.Linus}))
	b := f.Browser(t)
	if page := b.Follow(b.Through(f.connector.Reference, "organization=globex")); !signedIn(page) || identitiesOf(t, a, apptest.Linus) != 1 {
		t.Errorf("the tenant's own: status %d, sent to %v: %s", page.Status, page.Away, page.Body)
	}
}

// A provider of the installation that is the authority of a tenant's domains is asked again about
// each address: it vouches for what it says is verified only, and no more than the domains say.
func TestAnAuthorityOverADomainIsNoneOverTheRest(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	owns(t, a, "globex", "globex.example")
	p := apptest.NewProvider(t)
	c := p.Connector()
	c.Joins, c.Authoritative = a.TenantID(t, "globex"), true
	f := federation{App: a, provider: p}
	f.connector = a.AddConnector(t, c, p.Secret)

	p.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Linus, "email_verified": false}))
	f.refused(t, "an unverified address of the domain", f.through, connector.NotVouched)
	p.SignedIn(person(map[string]any{"sub": "mallory", "email": apptest.Ada}))
	f.asks(t, "an address of no domain of its tenant", apptest.Ada, f.through)
	exec(t, a, `UPDATE user_account SET email_verified = false WHERE email = $1`, apptest.Linus)
	p.SignedIn(person(map[string]any{"sub": "linus", "email": apptest.Linus}))
	f.asks(t, "an account whose own address nobody has proven", apptest.Linus, f.through)
	exec(t, a, `UPDATE user_account SET email_verified = true WHERE email = $1`, apptest.Linus)
	b := f.Browser(t)
	if page := f.through(b); identitiesOf(t, a, apptest.Linus) != 1 {
		t.Errorf("the domain's own: status %d, sent to %v: %s", page.Status, page.Away, page.Body)
	}
}

func TestASubjectIsSomebodyAtOneConnectorAndOneIssuerOnly(t *testing.T) {
	t.Parallel()
	f := federate(t, nil)
	f.enters(t, "before")
	same := person(map[string]any{"email": "mallory@evil.example", "email_verified": false})

	evil := apptest.NewProvider(t)
	evil.SignedIn(same)
	c := evil.Connector()
	c.Slug = "evil"
	second := f.AddConnector(t, c, evil.Secret)
	f.refusedAt(t, second.Reference, "the same subject at another connector", func(b *apptest.Browser) apptest.Page {
		return b.Follow(b.Through(second.Reference, anywhere))
	}, connector.NotVouched)

	// The connector is pointed at another provider, which has a person of the same name.
	exec(t, f.App, `UPDATE connector SET issuer = $2, client_id = $3, version = version + 1 WHERE reference = $1`, f.connector.Reference, evil.URL, f.provider.ClientID)
	evil.ClientID, evil.Secret = f.provider.ClientID, f.provider.Secret
	eventually(t, "the connector leads to the other provider", func() bool {
		p := f.Browser(t).Through(f.connector.Reference, anywhere)
		return p.Away != nil && strings.HasPrefix(p.Away.String(), evil.URL)
	})
	f.refused(t, "the same subject at another issuer of the connector", f.through, connector.NotVouched)
}

// A provider whose documents name another issuer, or addresses that it is not to be asked at.
func TestMetadataLeadNowhereElse(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	honest := apptest.NewProvider(t)
	n := 0
	for what, bend := range map[string]struct {
		metadata func(m map[string]any, p *apptest.Provider)
		reasons  []connector.Reason
	}{
		"another issuer":                  {func(m map[string]any, _ *apptest.Provider) { m["issuer"] = honest.URL }, nil},
		"the issuer with a slash":         {func(m map[string]any, p *apptest.Provider) { m["issuer"] = p.URL + "/" }, nil},
		"no issuer":                       {func(m map[string]any, _ *apptest.Provider) { delete(m, "issuer") }, nil},
		"keys at a private address":       {func(m map[string]any, _ *apptest.Provider) { m["jwks_uri"] = "https://10.1.2.3/jwks" }, []connector.Reason{connector.Unreachable, connector.BadToken, connector.Metadata}},
		"keys where clouds keep theirs":   {func(m map[string]any, _ *apptest.Provider) { m["jwks_uri"] = "http://169.254.169.254/latest/meta-data" }, nil},
		"keys on this machine":            {func(m map[string]any, _ *apptest.Provider) { m["jwks_uri"] = "https://[::1]:1/jwks" }, []connector.Reason{connector.Unreachable, connector.BadToken, connector.Metadata}},
		"keys in a file":                  {func(m map[string]any, _ *apptest.Provider) { m["jwks_uri"] = "file:///etc/passwd" }, nil},
		"tokens at a private address":     {func(m map[string]any, _ *apptest.Provider) { m["token_endpoint"] = "https://192.168.1.1/token" }, []connector.Reason{connector.Unreachable, connector.Metadata}},
		"tokens in clear":                 {func(m map[string]any, _ *apptest.Provider) { m["token_endpoint"] = "http://provider.example/token" }, nil},
		"no token endpoint":               {func(m map[string]any, _ *apptest.Provider) { delete(m, "token_endpoint") }, nil},
		"a sign-in page that is a script": {func(m map[string]any, _ *apptest.Provider) { m["authorization_endpoint"] = "javascript:alert(1)" }, nil},
		"a sign-in page in clear": {func(m map[string]any, _ *apptest.Provider) {
			m["authorization_endpoint"] = "http://provider.example/authorize"
		}, nil},
		"an endpoint that is a number": {func(m map[string]any, _ *apptest.Provider) { m["token_endpoint"] = 7 }, nil},
		"algorithms that are none": {func(m map[string]any, _ *apptest.Provider) {
			m["id_token_signing_alg_values_supported"] = []string{"HS256", "none"}
		}, nil},
	} {
		p := apptest.NewProvider(t)
		p.Bend(apptest.Bend{Metadata: func(m map[string]any) { bend.metadata(m, p) }})
		f := federation{App: a, provider: p}
		c := p.Connector()
		c.Slug = "p" + strconv.Itoa(n)
		n++
		f.connector = a.AddConnector(t, c, p.Secret)
		reasons := bend.reasons
		if reasons == nil {
			reasons = []connector.Reason{connector.Metadata}
		}
		f.refused(t, what, f.through, reasons...)
		p.Bend(apptest.Bend{})
	}
	f := federation{App: a, provider: honest}
	f.connector = a.AddConnector(t, honest.Connector(), honest.Secret)
	f.enters(t, "another connector, after all that")
}

// Nothing on this machine or in its network is asked because somebody wrote its address into a
// connector, unless the operator allows it.
func TestAProviderAtAPrivateAddressIsNotAsked(t *testing.T) {
	t.Parallel()
	f := federate(t, nil, apptest.With("SIGNET_OUTBOUND_ALLOW", ""))
	f.refused(t, "a provider on this machine", f.through, connector.Unreachable, connector.Metadata)
	if n := f.provider.Requests(""); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestGooglesHostedDomainIsAClaimAndNoPartOfTheAddress(t *testing.T) {
	t.Parallel()
	f := federate(t, func(c *connector.Connector) {
		c.Slug, c.Kind, c.HostedDomains = "google", connector.Google, []string{"partner.example"}
	})
	f.refused(t, "an address of the domain without the claim", f.through, connector.WrongDomain)
	f.provider.SignedIn(person(map[string]any{"hd": "evil.example"}))
	f.refused(t, "another domain", f.through, connector.WrongDomain)
	f.provider.SignedIn(person(map[string]any{"hd": "partner.example.evil.example"}))
	f.refused(t, "a domain that begins alike", f.through, connector.WrongDomain)
	f.provider.SignedIn(person(map[string]any{"hd": "partner.example"}))
	f.enters(t, "the domain")
}
