package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

// A service with two routes: three lines in main, one per route. Its issuer is one for tests; yours
// is the address of a Signet.
func Example() {
	ctx, issuer, end := exampleIssuer()
	defer end()

	verifier, err := verify.New(ctx, verify.Config{Issuer: issuer.URL(), Audience: "https://orders.example"})
	if err != nil {
		panic(err) // a mistake in the configuration: the network is not waited for
	}
	guard := bearer.New(verifier, bearer.Realm("https://orders.example"))

	mux := http.NewServeMux()
	mux.Handle("GET /orders", guard.Require(bearer.Permission("orders:read"))(http.HandlerFunc(list)))
	mux.Handle("POST /orders", guard.Require(bearer.Permission("orders:write"))(http.HandlerFunc(create)))

	token := issuer.Token(signettest.Subject("usr_ada"), signettest.Permission("orders:read"))
	fmt.Println(call(mux, "GET", "/orders", token))
	fmt.Println(call(mux, "GET", "/orders", ""))
	fmt.Println(call(mux, "POST", "/orders", token))
	// Output:
	// 200 orders of acme for usr_ada
	// 401 Bearer realm="https://orders.example"
	// 403 Bearer realm="https://orders.example", error="insufficient_scope", error_description="This needs the permission orders:write.", scope="orders:write"
}

func list(w http.ResponseWriter, r *http.Request) {
	claims, _ := bearer.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "orders of %s for %s", claims.Tenant, claims.Subject)
}

func create(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }

// The tenant of the token must be that of the path; whose token belongs to another learns nothing.
func ExampleTenantFrom() {
	ctx, issuer, end := exampleIssuer()
	defer end()
	verifier, err := verify.New(ctx, verify.Config{Issuer: issuer.URL(), Audience: "https://orders.example"})
	if err != nil {
		panic(err)
	}
	guard := bearer.New(verifier, bearer.HideTenants())
	mux := http.NewServeMux()
	mux.Handle("GET /t/{tenant}/orders", guard.Require(
		bearer.TenantFrom(bearer.PathValue("tenant")),
		bearer.Permission("orders:read"),
	)(http.HandlerFunc(list)))

	token := issuer.Token(signettest.Subject("usr_ada"), signettest.Permission("orders:read"))
	fmt.Println(call(mux, "GET", "/t/acme/orders", token))
	fmt.Println(call(mux, "GET", "/t/globex/orders", token))
	// Output:
	// 200 orders of acme for usr_ada
	// 404 {"error":"not_found","error_description":"There is nothing here."}
}

// A rule of one's own chooses its answer: here, that the person must have signed in just now (RFC
// 9470 §3).
func ExampleCheck() {
	ctx, issuer, end := exampleIssuer()
	defer end()
	verifier, err := verify.New(ctx, verify.Config{Issuer: issuer.URL(), Audience: "https://orders.example", Now: issuer.Now})
	if err != nil {
		panic(err)
	}
	recent := bearer.Check(func(_ *http.Request, c *verify.Claims) error {
		if issuer.Now().Sub(c.AuthTime).Minutes() < 5 {
			return nil
		}
		return &bearer.Refusal{
			Status: http.StatusUnauthorized, Code: "insufficient_user_authentication", Description: "Sign in again, please.",
		}
	})
	handler := bearer.New(verifier).Require(recent)(http.HandlerFunc(list))

	long := signettest.SignedInAt(issuer.Now().AddDate(0, 0, -1))
	fmt.Println(call(handler, "DELETE", "/", issuer.Token()))
	fmt.Println(call(handler, "DELETE", "/", issuer.Token(long)))
	// Output:
	// 200 orders of acme for usr_test
	// 401 Bearer realm="api", error="insufficient_user_authentication", error_description="Sign in again, please."
}

// Refusals in the format of the service; the status and the headers are set already.
func ExampleOnError() {
	ctx, issuer, end := exampleIssuer()
	defer end()
	verifier, err := verify.New(ctx, verify.Config{Issuer: issuer.URL(), Audience: "https://orders.example"})
	if err != nil {
		panic(err)
	}
	guard := bearer.New(verifier, bearer.HideTenants(), bearer.OnError(func(w http.ResponseWriter, _ *http.Request, r *bearer.Refusal) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, "Sorry:", r.Description)
	}))
	handler := guard.Require(bearer.Tenant("globex"))(http.HandlerFunc(list))
	fmt.Println(call(handler, "GET", "/", issuer.Token()))
	// Output:
	// 404 Sorry: There is nothing here.
}

// call returns the status with the challenge, or the body when there is none.
func call(h http.Handler, method, target, token string) string {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	said := w.Header().Get("WWW-Authenticate")
	if said == "" {
		said = w.Body.String()
	}
	return fmt.Sprint(w.Code, " ", said)
}

// exampleIssuer returns an issuer; examples have no *testing.T to end it.
func exampleIssuer() (context.Context, *signettest.Issuer, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &exampleT{}
	i := signettest.New(t, signettest.Audience("https://orders.example"), signettest.Tenant("ten_1", "acme"))
	return ctx, i, func() {
		cancel()
		for _, f := range slices.Backward(t.cleanups) {
			f()
		}
	}
}

type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Helper()                      {}
func (t *exampleT) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (t *exampleT) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
