package dev

import (
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/installation"
)

// The demo clients, one of each kind.
const (
	clientFrontend = "demo-frontend"
	clientWeb      = "demo-web"
	clientPartner  = "demo-partner"
	clientNative   = "demo-native"
	clientMachine  = "demo-machine"
	clientOrders   = "demo-orders"
)

// demoClient is a registration and what a person wants to know about it.
type demoClient struct {
	installation.Client
	kind string
}

// clients returns the registrations for an installation at those addresses, without secrets.
func clients(a Addresses) []demoClient {
	identity := []string{"openid", "profile", "email", "offline_access"}
	orders := []string{"orders:read", "orders:write", "orders:refund"}
	person := []string{client.GrantAuthorizationCode, client.GrantRefreshToken}
	return []demoClient{
		{kind: "single-page app", Client: installation.Client{Client: client.Client{
			ID: clientFrontend, Name: "Orders", AuthMethod: client.AuthNone, SkipConsent: true,
			RedirectURIs:           []string{a.Frontend + "/callback"},
			PostLogoutRedirectURIs: []string{a.Frontend + "/"},
			Origins:                []string{a.Frontend},
			GrantTypes:             person,
			Scopes:                 append(identity[:len(identity):len(identity)], orders...),
			Audiences:              []string{ordersAudience},
		}}},
		{kind: "server-rendered web app", Client: installation.Client{Client: client.Client{
			ID: clientWeb, Name: "Back office", AuthMethod: client.AuthBasic, SkipConsent: true,
			RedirectURIs:           []string{"http://localhost:3000/callback", "http://127.0.0.1/callback"},
			PostLogoutRedirectURIs: []string{"http://localhost:3000/", "http://127.0.0.1/"},
			GrantTypes:             person,
			Scopes:                 append(identity[:len(identity):len(identity)], orders...),
			Audiences:              []string{ordersAudience},
		}}},
		{kind: "third-party app (asks for consent)", Client: installation.Client{Client: client.Client{
			ID: clientPartner, Name: "Parcel Tracker", AuthMethod: client.AuthBasic,
			RedirectURIs:           []string{"http://localhost:3001/callback", "http://127.0.0.1/callback"},
			PostLogoutRedirectURIs: []string{"http://localhost:3001/", "http://127.0.0.1/"},
			GrantTypes:             person,
			Scopes:                 append(identity[:len(identity):len(identity)], "orders:read"),
			Audiences:              []string{ordersAudience},
			PolicyURI:              "https://parcels.example/privacy",
			TermsURI:               "https://parcels.example/terms",
		}}},
		{kind: "native app", Client: installation.Client{Client: client.Client{
			ID: clientNative, Name: "Orders on the phone", AuthMethod: client.AuthNone, SkipConsent: true,
			RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback", "example.orders:/callback"},
			GrantTypes:   person,
			Scopes:       append(identity[:len(identity):len(identity)], orders...),
			Audiences:    []string{ordersAudience},
		}}},
		{kind: "machine", Client: installation.Client{OwnerTenant: "acme", Client: client.Client{
			ID: clientMachine, Name: "Nightly export", AuthMethod: client.AuthBasic,
			GrantTypes: []string{client.GrantClientCredentials},
			Scopes:     []string{"orders:read"},
			Audiences:  []string{ordersAudience},
		}}},
		{kind: "orders service (introspects)", Client: installation.Client{Client: client.Client{
			ID: clientOrders, Name: "Orders service", AuthMethod: client.AuthBasic,
			ServesAudience: ordersAudience,
		}}},
	}
}
