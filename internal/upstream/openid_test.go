package upstream_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/upstream"
	"github.com/signet-id/signet/keys"
)

func TestAPersonSignsInWithOneRequestToTheProvider(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	p.claims = map[string]any{"picture": "https://idp.example/ada.png", "locale": "en_GB", "preferred_username": "ada", "given_name": "Ada", "family_name": "Lovelace", "auth_time": t0.Add(-time.Hour).Unix()}
	c := p.connector()
	yes := true
	want := connector.Profile{
		Issuer: p.server.URL, Subject: "person-1", Email: "ada@acme.example", EmailVerified: &yes, Login: "ada", SessionID: "session-1",
		Names:    connector.Names{Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Picture: "https://idp.example/ada.png", Locale: "en-GB"},
		AuthTime: t0.Add(-time.Hour),
	}
	for range 3 {
		got, err := w.Exchange(t.Context(), c, returned())
		if err != nil {
			t.Fatal(err)
		}
		if !got.Profile.AuthTime.Equal(want.AuthTime) {
			t.Errorf("auth_time %v", got.Profile.AuthTime)
		}
		got.Profile.AuthTime = want.AuthTime
		if !reflect.DeepEqual(got.Profile, want) {
			t.Errorf("%+v", got.Profile)
		}
		if got.Tokens != (connector.Tokens{}) {
			t.Error("tokens come along that nobody keeps")
		}
	}
	if d, k, n := p.count(discoveryPath), p.count(jwksPath), p.count(tokenPath); d != 1 || k != 1 || n != 3 {
		t.Errorf("%d discoveries, %d requests for keys, %d for tokens", d, k, n)
	}
	if got := w.observed.String(); got != "map[acme.idp discovery:1 acme.idp token:3]" {
		t.Errorf("observed %s", got)
	}
	if f := p.last; f.Get("code") != theCode || f.Get("code_verifier") != theVerifier || f.Get("redirect_uri") != returned().RedirectURI ||
		f.Get("grant_type") != "authorization_code" || f.Has("client_secret") {
		t.Errorf("token request %v", f)
	}
	if got, _ := url.QueryUnescape(p.basic[1]); p.basic[0] != "signet" || got != theSecret || p.basic[1] == theSecret {
		t.Errorf("credentials %q", p.basic) // form-encoded first (RFC 6749 §2.3.1)
	}
}

func TestTokensComeAlongForAConnectorThatKeepsThem(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	p.token = map[string]any{"scope": "openid offline_access"}
	c := p.connector()
	c.KeepTokens = true
	got, err := w.Exchange(t.Context(), c, returned())
	if err != nil {
		t.Fatal(err)
	}
	k := got.Tokens
	if k.Access.Reveal() != theAccess || k.Refresh.Reveal() != theRefresh || k.ID.Empty() || k.Type != "Bearer" || k.Scope != "openid offline_access" || !k.Expiry.Equal(t0.Add(time.Hour)) {
		t.Errorf("%+v", k)
	}
}

// Each of these is one thing that is wrong with an ID token, or with what came with it.
func TestAnIDTokenThatIsNotTheAnswerIsRefused(t *testing.T) {
	t.Parallel()
	_, ec := newPair()
	type claims = map[string]any
	for name, tt := range map[string]struct {
		claims, header, token map[string]any
		change                func(*idp)
		returned              func(*connector.Return)
		want                  connector.Reason
		words                 string
	}{
		"another issuer":             {claims: claims{"iss": "https://evil.example"}, want: connector.BadToken, words: "(iss)"},
		"no issuer":                  {claims: claims{"iss": nil}, want: connector.BadToken, words: "(iss)"},
		"a slash more":               {change: func(p *idp) { p.claims = claims{"iss": p.server.URL + "/"} }, want: connector.BadToken, words: "(iss)"},
		"another audience":           {claims: claims{"aud": "other"}, want: connector.BadToken, words: "(aud)"},
		"no audience":                {claims: claims{"aud": nil}, want: connector.BadToken, words: "(aud)"},
		"an audience of numbers":     {claims: claims{"aud": []any{"signet", 1}}, want: connector.BadToken},
		"our name in capitals":       {claims: claims{"aud": "Signet"}, want: connector.BadToken, words: "(aud)"},
		"two audiences and no azp":   {claims: claims{"aud": []string{"signet", "other"}}, want: connector.BadToken, words: "(azp)"},
		"issued to another":          {claims: claims{"aud": []string{"signet", "other"}, "azp": "other"}, want: connector.BadToken, words: "(azp)"},
		"issued to another alone":    {claims: claims{"azp": "other"}, want: connector.BadToken, words: "(azp)"},
		"an azp that is no text":     {claims: claims{"azp": 7}, want: connector.BadToken, words: "(azp)"},
		"another nonce":              {claims: claims{"nonce": "of-another-sign-in"}, want: connector.BadToken, words: "nonce"},
		"no nonce":                   {claims: claims{"nonce": nil}, want: connector.BadToken, words: "nonce"},
		"no nonce on either side":    {claims: claims{"nonce": ""}, returned: func(r *connector.Return) { r.Nonce = "" }, want: connector.BadToken, words: "nonce"},
		"expired":                    {claims: claims{"exp": t0.Add(-time.Minute).Unix()}, want: connector.Clock, words: "clocks"},
		"issued in the future":       {claims: claims{"iat": t0.Add(2 * time.Minute).Unix()}, want: connector.Clock, words: "clocks"},
		"not valid yet":              {claims: claims{"nbf": t0.Add(2 * time.Minute).Unix()}, want: connector.Clock, words: "clocks"},
		"expired and of another":     {claims: claims{"exp": t0.Add(-time.Hour).Unix(), "aud": "other"}, want: connector.BadToken, words: "(aud)"},
		"no expiry":                  {claims: claims{"exp": nil}, want: connector.BadToken, words: "exp"},
		"an expiry in words":         {claims: claims{"exp": "2030-01-01"}, want: connector.BadToken},
		"no time of issue":           {claims: claims{"iat": nil}, want: connector.BadToken, words: "iat"},
		"an expiry beyond all time":  {claims: claims{"exp": 1e300}, want: connector.BadToken, words: "exp"},
		"another access token":       {claims: claims{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, want: connector.BadToken, words: "at_hash"},
		"an at_hash that is no text": {claims: claims{"at_hash": 5}, want: connector.BadToken},
		"an empty at_hash":           {claims: claims{"at_hash": ""}, want: connector.BadToken, words: "at_hash"},
		"an access token":            {header: claims{"typ": "at+jwt"}, want: connector.BadToken, words: "at+jwt"},
		"a logout token":             {header: claims{"typ": "logout+jwt"}, want: connector.BadToken, words: "logout+jwt"},
		"a logout token without typ": {claims: claims{"events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}}, want: connector.BadToken, words: "logout token"},
		"an extension":               {header: claims{"crit": []string{"exp"}}, want: connector.BadToken},
		"a key of its own":           {header: claims{"kid": "unknown", "jku": "https://evil.example/keys"}, want: connector.BadToken, words: "does not publish"},
		"no kid among several":       {header: claims{"kid": nil}, want: connector.BadToken, words: "(kid)"},
		"RS384":                      {header: claims{"alg": "RS384"}, want: connector.BadToken},
		"the key of another alg":     {header: claims{"kid": ec.ID}, want: connector.BadToken},
		"nobody":                     {claims: claims{"sub": nil}, want: connector.BadToken, words: "sub"},
		"a number":                   {claims: claims{"sub": 4711}, want: connector.BadToken, words: "sub"},
		"a name too long":            {claims: claims{"sub": strings.Repeat("x", 256)}, want: connector.BadToken, words: "sub"},
		"a line break":               {claims: claims{"sub": "a\nb"}, want: connector.BadToken, words: "sub"},
		"no ID token":                {token: claims{"id_token": nil}, want: connector.BadAnswer, words: "no ID token"},
		"a number for an ID token":   {token: claims{"id_token": 5}, want: connector.BadAnswer, words: "no ID token"},
		"nonsense for an ID token":   {token: claims{"id_token": "a.b.c"}, want: connector.BadToken},
		"a huge ID token":            {claims: claims{"x": strings.Repeat("x", 20<<10)}, want: connector.BadToken, words: "at most"},
		"no access token":            {token: claims{"access_token": nil}, want: connector.BadAnswer},
		"auth_time in words":         {claims: claims{"auth_time": "noon"}, want: connector.BadToken, words: "auth_time"},
		"signed in in the future":    {claims: claims{"auth_time": t0.Add(time.Hour).Unix()}, want: connector.Clock, words: "clocks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t)
			p.claims, p.header, p.token = tt.claims, tt.header, tt.token
			if tt.change != nil {
				tt.change(p)
			}
			r := returned()
			if tt.returned != nil {
				tt.returned(&r)
			}
			proof, err := w.Exchange(t.Context(), p.connector(), r)
			failed(t, err, tt.want, tt.words)
			if !reflect.DeepEqual(proof, connector.Proof{}) {
				t.Errorf("something is proven all the same: %+v", proof)
			}
		})
	}
}

func TestAForgedSignatureIsRefused(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	rs, _ := newPair()
	_, stranger, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(p.right())
	if err != nil {
		t.Fatal(err)
	}
	good := rs.sign(t, nil, p.right())
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	hs := func(key []byte) string {
		input := b64([]byte(`{"alg":"HS256","kid":"`+rs.ID+`","typ":"JWT"}`)) + "." + b64(claims)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(rs.Public)
	if err != nil {
		t.Fatal(err)
	}
	other := p.right()
	other["sub"] = "person-2"
	otherClaims, _ := json.Marshal(other)
	// The library takes the last of names that differ in case, which is the right one here.
	capitals := strings.Replace(string(claims), `"iss":"`+p.server.URL+`"`, `"iss":"https://evil.example","ISS":"`+p.server.URL+`"`, 1)
	full, _ := json.Marshal(map[string]any{"payload": payload, "signatures": []any{map[string]any{"protected": header, "signature": signature}}})
	flat, _ := json.Marshal(map[string]any{"payload": payload, "protected": header, "signature": signature})
	for name, token := range map[string]string{
		"none":                         b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64(claims) + ".",
		"none with a signature":        b64([]byte(`{"alg":"none","kid":"`+rs.ID+`"}`)) + "." + b64(claims) + "." + signature,
		"HS256 with the public key":    hs(der),
		"HS256 with its PEM":           hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with our client secret": hs([]byte(theSecret)),
		"no signature":                 header + "." + payload + ".",
		"other claims":                 header + "." + b64(otherClaims) + "." + signature,
		"a key of somebody else":       pair{keys.Key{ID: rs.ID, Algorithm: keys.ES256}, stranger}.sign(t, nil, p.right()),
		"a doubled name":               rs.signRaw(t, map[string]any{"alg": "RS256", "kid": rs.ID}, []byte(strings.Replace(string(claims), `{`, `{"sub":"person-2",`, 1))),
		"a name in capitals":           rs.signRaw(t, map[string]any{"alg": "RS256", "kid": rs.ID}, []byte(capitals)),
		"no claims":                    rs.signRaw(t, map[string]any{"alg": "RS256", "kid": rs.ID}, []byte(`null`)),
		"a list":                       rs.signRaw(t, map[string]any{"alg": "RS256", "kid": rs.ID}, []byte(`[]`)),
		"JSON serialization":           string(full),
		"flattened serialization":      string(flat),
	} {
		p.change(func() { p.idToken = token })
		_, err := w.Exchange(t.Context(), p.connector(), returned())
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		failed(t, err, connector.BadToken)
	}
	p.change(func() { p.idToken = good })
	if _, err := w.Exchange(t.Context(), p.connector(), returned()); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestWhatIsWithinTheRulesIsAccepted(t *testing.T) {
	t.Parallel()
	_, ec := newPair()
	type claims = map[string]any
	hash := sha256.Sum256([]byte(theAccess))
	for name, tt := range map[string]struct {
		claims, header map[string]any
		change         func(*idp)
	}{
		"a minute late":         {claims: claims{"exp": t0.Add(-59 * time.Second).Unix()}},
		"a minute early":        {claims: claims{"iat": t0.Add(time.Minute).Unix(), "nbf": t0.Add(time.Minute).Unix()}},
		"a list of one":         {claims: claims{"aud": []string{"signet"}}},
		"several, issued to us": {claims: claims{"aud": []string{"other", "signet"}, "azp": "signet"}},
		"the hash":              {claims: claims{"at_hash": b64(hash[:16])}},
		"no typ":                {header: claims{"typ": nil}},
		"a fraction":            {claims: claims{"exp": float64(t0.Unix()) + 0.5}},
		"ES256":                 {change: func(p *idp) { p.pairs = []pair{ec} }},
		"no kid, one key":       {header: claims{"kid": nil}, change: func(p *idp) { p.pairs = p.pairs[:1] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t)
			p.claims, p.header = tt.claims, tt.header
			if tt.change != nil {
				tt.change(p)
			}
			if _, err := w.Exchange(t.Context(), p.connector(), returned()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifiedIsWhatTheSameTokenSaysOfItsAddress(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	sources := claims{"src": claims{"endpoint": "https://evil.example/claims", "access_token": "x"}}
	yes, no := true, false
	for name, tt := range map[string]struct {
		claims   claims
		email    string
		verified *bool
	}{
		"true":                    {claims{"email_verified": true}, "ada@acme.example", &yes},
		"false":                   {claims{"email_verified": false}, "ada@acme.example", &no},
		"true as text":            {claims{"email_verified": "true"}, "ada@acme.example", &yes},
		"false as text":           {claims{"email_verified": "false"}, "ada@acme.example", &no},
		"another text":            {claims{"email_verified": "TRUE"}, "ada@acme.example", &no},
		"a number":                {claims{"email_verified": 1}, "ada@acme.example", &no},
		"nothing":                 {claims{"email_verified": nil}, "ada@acme.example", nil},
		"an address of elsewhere": {claims{"email": nil, "_claim_names": claims{"email": "src"}, "_claim_sources": sources}, "", nil},
		"a list of addresses":     {claims{"email": []string{"ada@acme.example"}}, "", nil},
		"an address in capitals":  {claims{"email": nil, "Email": "ada@acme.example"}, "", nil},
		"a very long address":     {claims{"email": strings.Repeat("a", 300) + "@acme.example"}, "", nil},
		"another letter case":     {claims{"email": "ADA@acme.example"}, "ADA@acme.example", &yes},
	} {
		p, w := newIDP(t), newWorld(t)
		p.claims = tt.claims
		got, err := w.Exchange(t.Context(), p.connector(), returned())
		if err != nil || got.Profile.Email != tt.email || !reflect.DeepEqual(got.Profile.EmailVerified, tt.verified) {
			t.Errorf("%s: %q %v %v", name, got.Profile.Email, got.Profile.EmailVerified, err)
		}
	}
}

func TestGroupsAreReadFromTheClaimThatIsNamed(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	many := make([]string, 1001)
	for name, tt := range map[string]struct {
		claim  string
		claims claims
		want   []string
		reason connector.Reason
	}{
		"a list":               {"groups", claims{"groups": []string{"a", "b"}}, []string{"a", "b"}, ""},
		"one":                  {"groups", claims{"groups": "a"}, []string{"a"}, ""},
		"none":                 {"groups", claims{"groups": []string{}}, []string{}, ""},
		"not there":            {"groups", nil, nil, ""},
		"null":                 {"groups", claims{"groups": json.RawMessage("null")}, nil, ""},
		"a path":               {"realm_access.roles", claims{"realm_access": claims{"roles": []string{"a"}}}, []string{"a"}, ""},
		"the exact name first": {"https://a.example/roles", claims{"https://a.example/roles": []string{"x"}, "https://a": claims{"example/roles": []string{"y"}}}, []string{"x"}, ""},
		"a path to nowhere":    {"realm_access.roles", claims{"realm_access": "x"}, nil, ""},
		"not asked for":        {"", claims{"groups": []string{"a"}}, nil, ""},
		"numbers":              {"groups", claims{"groups": []any{"a", 1}}, nil, connector.BadToken},
		"an object":            {"groups", claims{"groups": claims{"a": true}}, nil, connector.BadToken},
		"too many":             {"groups", claims{"groups": many}, nil, connector.BadToken},
	} {
		p, w := newIDP(t), newWorld(t)
		p.claims = tt.claims
		c := p.connector()
		c.GroupsClaim = tt.claim
		got, err := w.Exchange(t.Context(), c, returned())
		if tt.reason != "" {
			failed(t, err, tt.reason)
		} else if err != nil || !slices.Equal(got.Profile.Groups, tt.want) || (got.Profile.Groups == nil) != (tt.want == nil) {
			t.Errorf("%s: %#v %v", name, got.Profile.Groups, err)
		}
	}
}

func TestFreshMeansThatTheProviderSaysWhen(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) map[string]any { return map[string]any{"auth_time": t0.Add(d).Unix()} }
	for name, tt := range map[string]struct {
		fresh  bool
		maxAge int64
		claims map[string]any
		ok     bool
	}{
		"no demand":                     {false, -1, nil, true},
		"no demand, long ago":           {false, -1, at(-1000 * time.Hour), true},
		"fresh, just now":               {true, -1, at(-5 * time.Second), true},
		"fresh, within the leeway":      {true, -1, at(-69 * time.Second), true},
		"fresh, before":                 {true, -1, at(-71 * time.Second), false},
		"fresh, and nothing is said":    {true, -1, nil, false},
		"within the age":                {false, 600, at(-11*time.Minute + time.Second), true},
		"beyond the age":                {false, 600, at(-11*time.Minute - time.Second), false},
		"an age, and nothing is said":   {false, 600, nil, false},
		"no time at all is allowed":     {false, 0, at(-5 * time.Minute), false},
		"an age beyond what is counted": {false, 1 << 62, at(-time.Hour), true},
	} {
		p, w := newIDP(t), newWorld(t)
		p.claims = tt.claims
		r := returned()
		r.Fresh, r.MaxAge = tt.fresh, tt.maxAge
		_, err := w.Exchange(t.Context(), p.connector(), r)
		if tt.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !tt.ok {
			failed(t, err, connector.NotFresh)
		}
	}
}

func TestTheAddressAtTheProviderAsksForWhatIsNeeded(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	for name, tt := range map[string]struct {
		start  connector.Start
		change func(*connector.Connector)
		want   map[string]string // "" for a parameter that must not be there
	}{
		"plain":  {connector.Start{MaxAge: -1}, nil, map[string]string{"scope": "openid profile email", "prompt": "", "max_age": "", "login_hint": "", "hd": "", "access_type": ""}},
		"hint":   {connector.Start{MaxAge: -1, LoginHint: "ada@acme.example"}, nil, map[string]string{"login_hint": "ada@acme.example"}},
		"fresh":  {connector.Start{MaxAge: -1, Fresh: true}, nil, map[string]string{"prompt": "login", "max_age": "0"}},
		"age":    {connector.Start{MaxAge: 300}, nil, map[string]string{"prompt": "", "max_age": "300"}},
		"scopes": {connector.Start{MaxAge: -1}, func(c *connector.Connector) { c.Scopes = []string{"email", "openid", "groups"} }, map[string]string{"scope": "openid email groups"}},
		"one domain": {connector.Start{MaxAge: -1}, func(c *connector.Connector) { c.Kind, c.HostedDomains = connector.Google, []string{"acme.example"} },
			map[string]string{"hd": "acme.example"}},
		"domains": {connector.Start{MaxAge: -1}, func(c *connector.Connector) {
			c.Kind, c.HostedDomains = connector.Google, []string{"acme.example", "b.example"}
		}, map[string]string{"hd": "*"}},
		"google, fresh": {connector.Start{MaxAge: -1, Fresh: true}, func(c *connector.Connector) { c.Kind, c.KeepTokens = connector.Google, true },
			map[string]string{"prompt": "select_account", "max_age": "", "access_type": "offline"}},
	} {
		c := p.connector()
		if tt.change != nil {
			tt.change(&c)
		}
		s := tt.start
		s.RedirectURI, s.State, s.Nonce, s.Challenge = returned().RedirectURI, "the-state", theNonce, "the-challenge"
		got, err := w.AuthorizationURL(t.Context(), c, s)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(got)
		if err != nil || !strings.HasPrefix(got, p.server.URL+"/authorize?") {
			t.Fatalf("%s: %s %v", name, got, err)
		}
		q := u.Query()
		for _, always := range [][2]string{
			{"response_type", "code"}, {"client_id", "signet"}, {"redirect_uri", s.RedirectURI}, {"state", "the-state"}, {"nonce", theNonce},
			{"code_challenge", "the-challenge"}, {"code_challenge_method", "S256"},
		} {
			if q.Get(always[0]) != always[1] {
				t.Errorf("%s: %s is %q", name, always[0], q.Get(always[0]))
			}
		}
		for k, v := range tt.want {
			if q.Get(k) != v || v == "" && q.Has(k) {
				t.Errorf("%s: %s is %q, want %q", name, k, q[k], v)
			}
		}
	}
}

func TestTheHostedDomainIsCheckedAsAClaim(t *testing.T) {
	t.Parallel()
	for hd, ok := range map[any]bool{"acme.example": true, "ACME.example": true, "b.example": true, "evil.example": false, "": false, nil: false, 5: false, "x.acme.example": false} {
		p, w := newIDP(t), newWorld(t)
		p.claims = map[string]any{"hd": hd}
		c := p.connector()
		c.Kind, c.HostedDomains = connector.Google, []string{"acme.example", "b.example"}
		_, err := w.Exchange(t.Context(), c, returned())
		if ok && err != nil {
			t.Errorf("%v: %v", hd, err)
		} else if !ok {
			failed(t, err, connector.WrongDomain)
		}
	}
}

func TestTheIssuerOfAnAnswerIsCompared(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	c := p.connector()
	for _, named := range []bool{false, true} {
		p.change(func() { p.metadata = map[string]any{"authorization_response_iss_parameter_supported": named} })
		c.Version++ // asked anew
		if err := w.CheckIssuer(t.Context(), c, p.server.URL); err != nil {
			t.Error(err)
		}
		for _, other := range []string{"https://evil.example", p.server.URL + "/", strings.ToUpper(p.server.URL)} {
			failed(t, w.CheckIssuer(t.Context(), c, other), connector.WrongIssuer)
		}
		if err := w.CheckIssuer(t.Context(), c, ""); (err == nil) == named {
			t.Errorf("no iss, and it is announced: %v: %v", named, err)
		}
	}
}

func TestTheClientAuthenticatesInOneWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		methods any
		secret  string
		basic   bool
		post    bool
		reason  connector.Reason
	}{
		"not said":      {nil, theSecret, true, false, ""},
		"both":          {[]string{"client_secret_post", "client_secret_basic"}, theSecret, true, false, ""},
		"post alone":    {[]string{"client_secret_post", "private_key_jwt"}, theSecret, false, true, ""},
		"neither":       {[]string{"private_key_jwt"}, theSecret, false, false, connector.Metadata},
		"public client": {[]string{"private_key_jwt"}, "", false, false, ""},
	} {
		p := newIDP(t)
		w := newWorld(t, func(c *upstream.Config) { c.Secrets = secretOf(tt.secret) })
		p.metadata = map[string]any{"token_endpoint_auth_methods_supported": tt.methods}
		_, err := w.Exchange(t.Context(), p.connector(), returned())
		if tt.reason != "" {
			failed(t, err, tt.reason, "client_secret_basic")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.change(func() {}) // what its server wrote is seen
		if (p.basic[0] != "") != tt.basic || p.last.Has("client_secret") != tt.post || p.last.Has("client_id") == tt.basic {
			t.Errorf("%s: basic %q, form %v", name, p.basic, p.last)
		}
	}
	// What is refused is not tried in another way.
	p, w := newIDP(t), newWorld(t)
	p.answer[tokenPath] = status(http.StatusUnauthorized, `{"error":"invalid_client"}`)
	_, err := w.Exchange(t.Context(), p.connector(), returned())
	failed(t, err, connector.Unauthorized)
	if n := p.count(tokenPath); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnErrorOfTheTokenEndpointIsSaidInWords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   connector.Reason
		words  string
	}{
		"invalid_client": {status(401, `{"error":"invalid_client","error_description":"no `+theSecret+` here"}`), connector.Unauthorized, "client secret"},
		"unauthorized":   {status(400, `{"error":"unauthorized_client"}`), connector.Unauthorized, ""},
		"bare 401":       {status(401, `no`), connector.Unauthorized, "401"},
		"invalid_grant":  {status(400, `{"error":"invalid_grant","error_description":"code `+theCode+` for `+theVerifier+`"}`), connector.CodeRefused, "/upstream/acme.idp/callback"},
		"other error":    {status(400, `{"error":"invalid_request","error_description":"a\u0000\nb"}`), connector.BadAnswer, "invalid_request"},
		"error with 200": {status(200, `{"error":"invalid_grant"}`), connector.CodeRefused, ""},
		"503":            {status(503, `<html>`+theAccess), connector.Unavailable, "503"},
		"500 with json":  {status(500, `{"error":"server_error"}`), connector.Unavailable, ""},
		"429":            {status(429, `{}`), connector.Unavailable, "429"},
		"404":            {status(404, `x`), connector.BadAnswer, "404"},
		"a page":         {status(200, `<html>`+theAccess), connector.BadAnswer, "no token response"},
		"nothing":        {status(200, ``), connector.BadAnswer, ""},
		"null":           {status(200, `null`), connector.BadAnswer, ""},
		"a list":         {status(200, `["`+theAccess+`"]`), connector.BadAnswer, ""},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, connector.BadAnswer, "redirects"},
		"too much":         {status(200, `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`), connector.BadAnswer, "larger"},
		"a cut connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, connector.Unreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, w := newIDP(t), newWorld(t)
			p.answer[tokenPath] = tt.answer
			_, err := w.Exchange(t.Context(), p.connector(), returned())
			failed(t, err, tt.want, tt.words)
			if p.count("/elsewhere") != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestASecretThatCannotBeOpenedIsOurFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *upstream.Config) { c.Secrets = broken{} })
	_, err := w.Exchange(t.Context(), newIDP(t).connector(), returned())
	failed(t, err, connector.Internal)
}

type broken struct{}

func (broken) Secret(connector.Connector) (secret.Text, error) {
	return secret.Text{}, http.ErrBodyNotAllowed
}
