package e2e

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/demo/frontend"
	"github.com/signet-id/signet/internal/demo/orders"
	"github.com/signet-id/signet/internal/installation"
)

// world is an issuer, a single-page application and a service that it calls, each at an
// origin of its own. The application is at localhost and the issuer at 127.0.0.1, so that they
// are different sites to a browser, as in production.
type world struct {
	*apptest.App
	frontend, orders string
}

const frontendClient = "demo-frontend"

// startWorld starts it with more tenants and people than the default ones.
func startWorld(t *testing.T, more ...frontend.Organization) world {
	t.Helper()
	page, service := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	w := world{
		frontend: "http://" + strings.Replace(page.Listener.Addr().String(), "127.0.0.1", "localhost", 1),
		orders:   "http://" + service.Listener.Addr().String(),
	}
	places := append([]frontend.Organization{{Slug: "acme", Name: "Acme"}, {Slug: "globex", Name: "Globex"}}, more...)
	var extra installation.Installation
	extra.Clients = []installation.Client{
		{Client: client.Client{
			ID: frontendClient, Name: "Orders", AuthMethod: client.AuthNone, SkipConsent: true,
			GrantTypes:             []string{client.GrantAuthorizationCode, client.GrantRefreshToken},
			RedirectURIs:           []string{w.frontend + "/callback"},
			PostLogoutRedirectURIs: []string{w.frontend + "/"},
			Origins:                []string{w.frontend},
			Scopes:                 []string{"openid", "profile", "email", orders.Read, orders.Write, orders.Refund},
			Audiences:              []string{apptest.Orders},
		}},
	}
	w.App = apptest.Start(t, apptest.WithInstallation(extra))
	page.Config.Handler = frontend.New(frontend.Config{
		Issuer: w.URL, ClientID: frontendClient, Origin: w.frontend, Orders: w.orders, Audience: apptest.Orders,
		Organizations: places,
	})
	service.Config.Handler = ordersService(t, w.URL, w.frontend)
	for _, s := range []*httptest.Server{page, service} {
		s.Start()
		t.Cleanup(s.Close)
	}
	return w
}

// ordersService is the demo's service, for scripts of that origin.
func ordersService(t *testing.T, issuer, origin string) http.Handler {
	t.Helper()
	h, err := orders.New(t.Context(), orders.Config{
		Issuer: issuer, Audience: apptest.Orders, Origin: origin, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}
