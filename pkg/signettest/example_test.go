package signettest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/pkg/bearer"
	"github.com/signet-id/signet/pkg/signettest"
	"github.com/signet-id/signet/pkg/verify"
)

// A complete test of a handler. In yours, t is the *testing.T.
func Example() {
	t, end := newT()
	defer end()

	issuer := signettest.New(t, signettest.Audience("https://orders.example"))
	guard := bearer.New(issuer.Verifier(t, "https://orders.example"))
	handler := guard.Require(bearer.Permission("orders:read"))(http.HandlerFunc(listOrders))

	for _, token := range []string{
		issuer.Token(signettest.Subject("usr_ada"), signettest.Permission("orders:read")),
		issuer.Token(signettest.Machine("nightly"), signettest.Scope("orders:read")),
		issuer.Token(signettest.Subject("usr_eve")),
		issuer.Token(signettest.Permission("orders:read"), signettest.ExpiresIn(-time.Minute)),
	} {
		request := httptest.NewRequest("GET", "/orders", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"), answer.Body)
	}
	// Output:
	// 200  orders for usr_ada
	// 200  orders for nightly
	// 403 Bearer realm="api", error="insufficient_scope", error_description="This needs the permission orders:read.", scope="orders:read" {"error":"insufficient_scope","error_description":"This needs the permission orders:read.","scope":"orders:read"}
	//
	// 401 Bearer realm="api", error="invalid_token", error_description="The access token has expired." {"error":"invalid_token","error_description":"The access token has expired."}
}

func listOrders(w http.ResponseWriter, r *http.Request) {
	claims, _ := bearer.FromContext(r.Context())
	_, _ = fmt.Fprint(w, "orders for ", claims.Subject)
}

// Any token is one line: a good one, or one that is wrong in a single way.
func ExampleIssuer_Token() {
	t, end := newT()
	defer end()
	issuer := signettest.New(t)
	verifier := issuer.Verifier(t, signettest.DefaultAudience)

	for _, token := range []string{
		issuer.Token(),
		issuer.Token(signettest.Claim("plan", "gold"), signettest.Role("admin")),
		issuer.Token(signettest.ExpiresIn(-time.Minute)),
		issuer.Token(signettest.Audience("https://billing.example")),
		issuer.Token(signettest.SignedWithPublicKey()),
	} {
		_, err := verifier.Verify(t.Context(), token)
		fmt.Println(err == nil, errors.Is(err, verify.ErrExpired), errors.Is(err, verify.ErrAudience), errors.Is(err, verify.ErrAlgorithm))
	}
	// Output:
	// true false false false
	// true false false false
	// false true false false
	// false false true false
	// false false false true
}

// A rotation goes unnoticed: the new key was published before, and the old one stays for its tokens.
func ExampleIssuer_Rotate() {
	t, end := newT()
	defer end()
	issuer := signettest.New(t)
	verifier := issuer.Verifier(t, signettest.DefaultAudience)

	before := issuer.Token()
	fetches := issuer.Fetches()
	issuer.Rotate()
	_, earlier := verifier.Verify(t.Context(), before)
	_, later := verifier.Verify(t.Context(), issuer.Token())

	fmt.Println(earlier, later, issuer.Fetches()-fetches)
	// Output: <nil> <nil> 0
}

// A stolen key ends when the verifier next fetches the keys.
func ExampleIssuer_Compromise() {
	t, end := newT()
	defer end()
	issuer := signettest.New(t)
	verifier := issuer.Verifier(t, signettest.DefaultAudience)

	stolen := issuer.Compromise()
	forged := issuer.Token(signettest.KeyID(stolen))
	_, before := verifier.Verify(t.Context(), forged)
	refreshed := verifier.Refresh(t.Context()) // what the cache headers, or the revocation feed, bring about
	_, after := verifier.Verify(t.Context(), forged)
	_, good := verifier.Verify(t.Context(), issuer.Token())

	fmt.Println("before:", before)
	fmt.Println("after: ", refreshed, errors.Is(after, verify.ErrUnknownKey))
	fmt.Println("good:  ", good)
	// Output:
	// before: <nil>
	// after:  <nil> true
	// good:   <nil>
}

func ExampleIssuer_Down() {
	t, end := newT()
	defer end()
	issuer := signettest.New(t)
	issuer.Down()
	verifier := issuer.Verifier(t, signettest.DefaultAudience)

	_, err := verifier.Verify(t.Context(), issuer.Token())
	fmt.Println(errors.Is(err, verify.ErrUnavailable), errors.Is(err, verify.ErrInvalidToken))
	// Output:
	// true false
}

func ExampleIssuer_Advance() {
	t, end := newT()
	defer end()
	issuer := signettest.New(t)
	verifier := issuer.Verifier(t, signettest.DefaultAudience)

	token := issuer.Token(signettest.ExpiresIn(time.Hour))
	_, err := verifier.Verify(t.Context(), token)
	fmt.Println(err)
	issuer.Advance(2 * time.Hour)
	_, err = verifier.Verify(t.Context(), token)
	fmt.Println(errors.Is(err, verify.ErrExpired))
	// Output:
	// <nil>
	// true
}

// Examples have no *testing.T. This one does as much of its work as they need.
type exampleT struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
}

func newT() (t testing.TB, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &exampleT{ctx: ctx}
	return e, func() {
		cancel()
		for _, f := range slices.Backward(e.cleanups) {
			f()
		}
	}
}

func (e *exampleT) Helper()                           {}
func (e *exampleT) Context() context.Context          { return e.ctx }
func (e *exampleT) Cleanup(f func())                  { e.cleanups = append(e.cleanups, f) }
func (e *exampleT) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (e *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
