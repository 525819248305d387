package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/signettest"
)

func TestWhoMayDoWhat(t *testing.T) {
	const audience = "https://orders.example"
	issuer := signettest.New(t, signettest.Audience(audience), signettest.Tenant("ten_1", "acme"))
	verifier := issuer.Verifier(t, audience)
	service := routes(bearer.New(verifier), verifier)

	for name, test := range map[string]struct {
		method, path, token string
		status              int
	}{
		"a reader reads":             {"GET", "/orders", issuer.Token(signettest.Permission("orders:read")), 200},
		"a reader does not write":    {"POST", "/orders", issuer.Token(signettest.Permission("orders:read")), 403},
		"a writer writes":            {"POST", "/orders", issuer.Token(signettest.Permission("orders:write")), 201},
		"a machine needs the scope":  {"GET", "/orders", issuer.Token(signettest.Machine("job"), signettest.Scope("orders:read")), 200},
		"a person needs more":        {"GET", "/orders", issuer.Token(signettest.Scope("orders:read")), 403},
		"their own tenant":           {"GET", "/t/acme/orders", issuer.Token(signettest.Permission("orders:read")), 200},
		"another tenant":             {"GET", "/t/globex/orders", issuer.Token(signettest.Permission("orders:read")), 403},
		"nobody in particular":       {"GET", "/orders", "", 401},
		"somebody who was here once": {"GET", "/orders", issuer.Token(signettest.Permission("orders:read"), signettest.ExpiresIn(-time.Hour)), 401},
		"a stranger":                 {"GET", "/orders", issuer.Token(signettest.Permission("orders:read"), signettest.SignedByStranger()), 401},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, nil)
			if test.token != "" {
				request.Header.Set("Authorization", "Bearer "+test.token)
			}
			answer := httptest.NewRecorder()
			service.ServeHTTP(answer, request)
			if answer.Code != test.status {
				t.Errorf("%d %s, want %d", answer.Code, answer.Body, test.status)
			}
		})
	}
}

func TestRotationsAndOutagesGoUnnoticed(t *testing.T) {
	issuer := signettest.New(t)
	verifier := issuer.Verifier(t, signettest.DefaultAudience)
	service := routes(bearer.New(verifier), verifier)
	expect := func(when string, want int) {
		t.Helper()
		request := httptest.NewRequest(http.MethodGet, "/orders", nil)
		request.Header.Set("Authorization", "Bearer "+issuer.Token(signettest.Permission("orders:read")))
		answer := httptest.NewRecorder()
		if service.ServeHTTP(answer, request); answer.Code != want {
			t.Errorf("%s: %d %s, want %d", when, answer.Code, answer.Body, want)
		}
	}
	issuer.Rotate()
	expect("after a rotation", 200)
	issuer.Down()
	issuer.Advance(23 * time.Hour)
	expect("after 23 hours without Signet", 200)
	issuer.Advance(2 * time.Hour)
	expect("after 25 hours without Signet", 503)
}
