package upstream_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func (p *idp) logoutToken(t testing.TB, header, changes map[string]any) string {
	t.Helper()
	return p.pairs[0].sign(t, over(map[string]any{"typ": "logout+jwt"}, header), over(map[string]any{
		"iss": p.server.URL, "aud": "signet", "iat": t0.Unix(), "exp": t0.Add(2 * time.Minute).Unix(), "jti": "logout-1",
		"sub": "person-1", "sid": "session-1", "events": map[string]any{logoutEvent: map[string]any{}},
	}, changes))
}

func TestALogoutTokenSaysWhoIsSignedOut(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	type m = map[string]any
	for name, tt := range map[string]struct {
		header, claims   m
		subject, session string
	}{
		"both":         {nil, nil, "person-1", "session-1"},
		"subject":      {nil, m{"sid": nil}, "person-1", ""},
		"session":      {nil, m{"sub": nil}, "", "session-1"},
		"typ JWT":      {m{"typ": "JWT"}, nil, "person-1", "session-1"},
		"typ in full":  {m{"typ": "application/logout+jwt"}, nil, "person-1", "session-1"},
		"late":         {nil, m{"exp": t0.Add(-30 * time.Second).Unix()}, "person-1", "session-1"},
		"other events": {nil, m{"events": m{logoutEvent: m{"x": 1}, "https://other.example": m{}}}, "person-1", "session-1"},
	} {
		got, err := w.VerifyLogout(t.Context(), p.connector(), p.logoutToken(t, tt.header, tt.claims))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Issuer != p.server.URL || got.Subject != tt.subject || got.SessionID != tt.session || got.TokenID != "logout-1" || got.Expiry.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestALogoutTokenThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	type m = map[string]any
	for name, tt := range map[string]struct {
		header, claims m
		want           connector.Reason
	}{
		"an ID token":                {m{"typ": "JWT"}, m{"events": nil, "nonce": theNonce}, connector.BadToken},
		"with a nonce":               {nil, m{"nonce": theNonce}, connector.BadToken},
		"with an empty nonce":        {nil, m{"nonce": ""}, connector.BadToken},
		"an access token":            {m{"typ": "at+jwt"}, nil, connector.BadToken},
		"no events":                  {nil, m{"events": nil}, connector.BadToken},
		"another event":              {nil, m{"events": m{"https://other.example": m{}}}, connector.BadToken},
		"an event that is no object": {nil, m{"events": m{logoutEvent: true}}, connector.BadToken},
		"events as a list":           {nil, m{"events": []string{logoutEvent}}, connector.BadToken},
		"nobody":                     {nil, m{"sub": nil, "sid": nil}, connector.BadToken},
		"an empty subject":           {nil, m{"sub": ""}, connector.BadToken},
		"a session in numbers":       {nil, m{"sid": 5}, connector.BadToken},
		"no jti":                     {nil, m{"jti": nil}, connector.BadToken},
		"another issuer":             {nil, m{"iss": "https://evil.example"}, connector.BadToken},
		"another audience":           {nil, m{"aud": "other"}, connector.BadToken},
		"no expiry":                  {nil, m{"exp": nil}, connector.BadToken},
		"no time of issue":           {nil, m{"iat": nil}, connector.BadToken},
		"expired":                    {nil, m{"exp": t0.Add(-2 * time.Minute).Unix()}, connector.Clock},
		"good for years":             {nil, m{"exp": t0.AddDate(5, 0, 0).Unix()}, connector.BadToken},
		"of the future":              {nil, m{"iat": t0.Add(2 * time.Minute).Unix()}, connector.Clock},
		"an unknown key":             {m{"kid": "unknown"}, nil, connector.BadToken},
	} {
		_, err := w.VerifyLogout(t.Context(), p.connector(), p.logoutToken(t, tt.header, tt.claims))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		failed(t, err, tt.want)
	}
	none := b64([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + strings.Split(p.logoutToken(t, nil, nil), ".")[1] + "."
	for _, token := range []string{"", "x", none, strings.Repeat("x", 1<<20)} {
		_, err := w.VerifyLogout(t.Context(), p.connector(), token)
		failed(t, err, connector.BadToken)
	}
}

func TestLogoutTokensTakeNoPlacesOfSignIns(t *testing.T) {
	t.Parallel()
	p, w := newIDP(t), newWorld(t)
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	p.answer[jwksPath] = func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	c, token := p.connector(), p.logoutToken(t, nil, nil)
	errs := make(chan error, 100)
	for range cap(errs) {
		go func() {
			_, err := w.VerifyLogout(t.Context(), c, token)
			errs <- err
		}()
	}
	// All but those that have a place are turned away at once.
	for range cap(errs) - 16 {
		failed(t, <-errs, connector.Unavailable)
	}
	<-asked
	if _, err := w.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
		t.Errorf("a sign-in meanwhile: %v", err)
	}
	close(release)
	for range 16 {
		failed(t, <-errs, connector.Unavailable)
	}
}
