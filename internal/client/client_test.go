package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func sound() client.Client {
	return client.Client{
		ID: "web", Name: "Web", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantAuthorizationCode, client.GrantRefreshToken},
		RedirectURIs: []string{"https://app.example/cb"}, PostLogoutRedirectURIs: []string{"https://app.example/bye"},
		Origins: []string{"https://app.example"}, Scopes: []string{"openid", "orders:read"}, PKCEOptional: true,
	}
}

func TestASoundRegistrationPasses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*client.Client){
		"as it is":                     func(*client.Client) {},
		"a public client":              func(c *client.Client) { c.AuthMethod, c.PKCEOptional = client.AuthNone, false },
		"a machine":                    func(c *client.Client) { c.GrantTypes, c.RedirectURIs = []string{client.GrantClientCredentials}, nil },
		"a resource server":            func(c *client.Client) { c.GrantTypes, c.RedirectURIs = nil, nil },
		"a migrated id":                func(c *client.Client) { c.ID = "legacy:id/with+odd chars" },
		"a name of 200 letters":        func(c *client.Client) { c.Name = strings.Repeat("ü", 200) },
		"another ID token algorithm":   func(c *client.Client) { c.IDTokenAlgorithm = "RS256" },
		"the longest access token":     func(c *client.Client) { c.AccessTokenLifetime = 24 * time.Hour },
		"an id of the greatest length": func(c *client.Client) { c.ID = client.ID(strings.Repeat("x", client.MaxID)) },
	} {
		c := sound()
		change(&c)
		if err := c.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachFaultOfARegistrationIsNamedByItsField(t *testing.T) {
	t.Parallel()
	for field, changes := range map[string]map[string]func(*client.Client){
		"id: ": {
			"none":                   func(c *client.Client) { c.ID = "" },
			"too long":               func(c *client.Client) { c.ID = client.ID(strings.Repeat("x", client.MaxID+1)) },
			"that looks like people": func(c *client.Client) { c.ID = "usr_01h455vb4pex5vsknk084sn02q" },
			"space in front":         func(c *client.Client) { c.ID = " web" },
			"space behind":           func(c *client.Client) { c.ID = "web " },
			"beyond ASCII":           func(c *client.Client) { c.ID = "wéb" },
			"a parent":               func(c *client.Client) { c.ID = ".." },
			"a NUL":                  func(c *client.Client) { c.ID = "w\x00b" },
		},
		"name": {
			"none":     func(c *client.Client) { c.Name = "" },
			"too long": func(c *client.Client) { c.Name = strings.Repeat("ü", 201) },
			"blank":    func(c *client.Client) { c.Name = "  " },
			"lines":    func(c *client.Client) { c.Name = "a\nb" },
		},
		"auth_method": {
			"none at all": func(c *client.Client) { c.AuthMethod = "" },
			"unknown":     func(c *client.Client) { c.AuthMethod = "private_key_jwt" },
		},
		"grant_types": {
			"password": func(c *client.Client) { c.GrantTypes = []string{"password"} },
			"implicit": func(c *client.Client) { c.GrantTypes = append(c.GrantTypes, "implicit") },
			"a public client acting itself": func(c *client.Client) {
				c.AuthMethod, c.PKCEOptional, c.GrantTypes = client.AuthNone, false, []string{client.GrantClientCredentials}
			},
		},
		"pkce_optional":   {"a public client": func(c *client.Client) { c.AuthMethod = client.AuthNone }},
		"redirect_uris: ": {"none for codes": func(c *client.Client) { c.RedirectURIs = nil }, "too many": func(c *client.Client) { c.RedirectURIs = many() }},
		"redirect_uris[1]: ": {
			"a wildcard": func(c *client.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://*/cb") },
			"twice":      func(c *client.Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) },
		},
		"post_logout_redirect_uris[0]: ": {"a script": func(c *client.Client) { c.PostLogoutRedirectURIs = []string{"javascript:alert(1)"} }},
		"origins[0]: ":                   {"a wildcard": func(c *client.Client) { c.Origins = []string{"*"} }},
		"audiences[0]: ":                 {"empty": func(c *client.Client) { c.Audiences = []string{""} }},
		"policy_uri: ":                   {"a script": func(c *client.Client) { c.PolicyURI = "javascript:alert(1)" }, "no TLS": func(c *client.Client) { c.PolicyURI = "http://app.example/" }},
		"terms_uri: ":                    {"no host": func(c *client.Client) { c.TermsURI = "https:///terms" }, "user information": func(c *client.Client) { c.TermsURI = "https://a@b.example/" }},
		"id_token_algorithm":             {"none": func(c *client.Client) { c.IDTokenAlgorithm = "none" }, "in small letters": func(c *client.Client) { c.IDTokenAlgorithm = "es256" }, "symmetric": func(c *client.Client) { c.IDTokenAlgorithm = "HS256" }},
		"access_token_lifetime":          {"negative": func(c *client.Client) { c.AccessTokenLifetime = -1 }, "days": func(c *client.Client) { c.AccessTokenLifetime = 24*time.Hour + 1 }},
		"scopes[0]: ": {
			"too long":    func(c *client.Client) { c.Scopes = []string{strings.Repeat("x", client.MaxScope+1)} },
			"two in one":  func(c *client.Client) { c.Scopes = []string{"openid profile"} },
			"empty":       func(c *client.Client) { c.Scopes = []string{""} },
			"a quote":     func(c *client.Client) { c.Scopes = []string{`a"b`} },
			"a backslash": func(c *client.Client) { c.Scopes = []string{`a\b`} },
		},
	} {
		for name, change := range changes {
			c := sound()
			change(&c)
			if err := c.Check(); !errors.Is(err, errdefs.ErrInvalid) || !strings.HasPrefix(err.Error(), field) {
				t.Errorf("%s: %s: %v", field, name, err)
			}
		}
	}
}

// many returns more redirect URIs than a client may have.
func many() (out []string) {
	for i := range client.MaxEntries + 1 {
		out = append(out, fmt.Sprintf("https://app.example/%d", i))
	}
	return out
}

func TestEveryFaultOfARegistrationIsToldAtOnceAndNoValueWithIt(t *testing.T) {
	t.Parallel()
	c := sound()
	c.Name, c.AuthMethod = "", "magic-beans"
	c.RedirectURIs = []string{"https://app.example/cb", "https://*.secret.example/cb", "http://secret.example/"}
	c.Origins = []string{"https://Secret.example"}
	err := c.Check()
	var fields []string
	for _, f := range errdefs.Fields(err) {
		fields = append(fields, f.Field)
	}
	if got, want := strings.Join(fields, " "), "name auth_method redirect_uris[1] redirect_uris[2] origins[0]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if strings.Contains(strings.ToLower(err.Error()), "secret.example") || strings.Contains(err.Error(), "magic-beans") {
		t.Errorf("a value is repeated: %v", err)
	}
}

func TestASecretAuthenticatesWhileItIsValid(t *testing.T) {
	t.Parallel()
	first, second := secret.New("first"), secret.New("second")
	c := client.Client{Secrets: []client.Secret{{Hash: first.Hash(), ExpiresAt: noon}, {Hash: second.Hash()}}}
	for _, x := range []struct {
		name   string
		secret secret.Text
		now    time.Time
		want   bool
	}{
		{"the new one during the rotation", second, noon.Add(-1), true},
		{"the old one during the rotation", first, noon.Add(-1), true},
		{"the old one at the moment it expires", first, noon, false},
		{"the old one later", first, noon.Add(time.Hour), false},
		{"the new one later", second, noon.Add(time.Hour), true},
		{"another", secret.New("third"), noon.Add(-1), false},
		{"none", secret.Text{}, noon.Add(-1), false},
	} {
		if got := c.Authenticate(x.secret, x.now); got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
	if (client.Client{}).Authenticate(secret.Text{}, noon) {
		t.Error("no secret authenticates a client without one")
	}
}

func TestPKCEIsForEveryClientThatHasNotOptedOutAndAlwaysForPublicOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method   client.AuthMethod
		optional bool
		want     bool
	}{{client.AuthNone, false, true}, {client.AuthNone, true, true}, {client.AuthBasic, false, true}, {client.AuthBasic, true, false}} {
		if got := (client.Client{AuthMethod: c.method, PKCEOptional: c.optional}).RequiresPKCE(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestAClientIsEnabledWhileItAndItsTenantAre(t *testing.T) {
	t.Parallel()
	if !(client.Client{}).Enabled() || (client.Client{DisabledAt: noon}).Enabled() || (client.Client{TenantDisabled: true}).Enabled() {
		t.Error("wrong")
	}
}

func TestTheFirstAudienceIsTheDefault(t *testing.T) {
	t.Parallel()
	if a := (client.Client{Audiences: []string{"a", "b"}}).DefaultAudience(); a != "a" {
		t.Error(a)
	}
	if a := (client.Client{}).DefaultAudience(); a != "" {
		t.Error(a)
	}
}
