package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/verify"
)

// exampleIssuer is an authorization server with one key, on loopback, and a token of it.
func exampleIssuer(custom map[string]any) (url, token string, stop func()) {
	key, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	key.CreatedAt, key.PublishedAt = now, now
	document, _, err := keys.Document([]keys.Key{key}, now)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(document) }))
	signer, err := keys.NewSigner(key, private)
	if err != nil {
		panic(err)
	}
	claims := map[string]any{
		"iss": server.URL, "sub": "usr_1", "aud": "orders", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "jti": "t1",
		"client_id": "web", "scope": "orders:read", "tenant": "acme", "permissions": []string{"orders:read"},
	}
	for name, value := range custom {
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	token, err = signer.Sign(context.Background(), "at+jwt", payload)
	if err != nil {
		panic(err)
	}
	return server.URL, token, server.Close
}

func ExampleNew() {
	issuer, token, stop := exampleIssuer(nil)
	defer stop()
	ctx, cancel := context.WithCancel(context.Background()) // as long as the service runs
	defer cancel()

	v, err := verify.New(ctx, verify.Config{Issuer: issuer, Audience: "orders"})
	if err != nil {
		panic(err) // the configuration is wrong; the issuer may be down all the same
	}

	claims, err := v.Verify(ctx, token)
	if err != nil {
		panic(err)
	}
	fmt.Println(claims.Subject, "of", claims.Tenant, "may read orders:", claims.HasPermission("orders:read"))
	// Output: usr_1 of acme may read orders: true
}

// Tell a token that is no good from one that could not be judged: the first needs another token,
// the second another try.
func ExampleVerifier_Verify() {
	issuer, token, stop := exampleIssuer(nil)
	defer stop()
	v, err := verify.New(context.Background(), verify.Config{Issuer: issuer, Audience: "billing"})
	if err != nil {
		panic(err)
	}

	_, err = v.Verify(context.Background(), token)
	switch {
	case err == nil:
		fmt.Println("200")
	case errors.Is(err, verify.ErrInvalidToken):
		fmt.Println("401; for the log:", err)
	default:
		fmt.Println("503")
	}
	// Output: 401; for the log: verify: invalid token: meant for another service: aud is "orders", without "billing"
}

// A service that only makes sense with keys may wait for them before it reports to be ready.
func ExampleVerifier_Ready() {
	issuer, _, stop := exampleIssuer(nil)
	defer stop()
	v, err := verify.New(context.Background(), verify.Config{Issuer: issuer, Audience: "orders"})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := v.Ready(ctx); err != nil {
		fmt.Println(v.Health()) // says in words what is wrong
		return
	}
	fmt.Println("ready:", v.Health().OK())
	// Output: ready: true
}

// With a copy of the keys on disk a service starts and serves while the issuer is down. Without one it
// starts too, and its health says that it never had any.
func ExampleConfig_cacheFile() {
	issuer, token, stop := exampleIssuer(nil)
	defer stop()
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "jwks.json") // only the service may be able to write here
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := func(file string) *verify.Verifier {
		v, err := verify.New(ctx, verify.Config{Issuer: issuer, Audience: "orders", CacheFile: file})
		if err != nil {
			panic(err)
		}
		return v
	}

	first := start(file)
	if err := first.Ready(ctx); err != nil {
		panic(err)
	}
	for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
		time.Sleep(time.Millisecond) // nobody waits for the disk
	}
	stop()
	for _, v := range []*verify.Verifier{start(file), start("")} {
		_, err := v.Verify(ctx, token)
		h := v.Health()
		fmt.Println("served:", err == nil, "health:", h.State, h.OK(), "from disk:", h.FromDisk)
	}
	// Output:
	// served: true health: fresh true from disk: true
	// served: false health: never loaded false from disk: false
}

func ExampleClaim() {
	issuer, token, stop := exampleIssuer(map[string]any{"plan": "gold", "limits": map[string]int{"orders": 100}})
	defer stop()
	v, err := verify.New(context.Background(), verify.Config{Issuer: issuer, Audience: "orders"})
	if err != nil {
		panic(err)
	}
	claims, err := v.Verify(context.Background(), token)
	if err != nil {
		panic(err)
	}

	plan, err := verify.Claim[string](claims, "plan")
	fmt.Println(plan, err)
	_, err = verify.Claim[string](claims, "colour")
	fmt.Println(errors.Is(err, verify.ErrNoClaim))

	var limits struct {
		Orders int `json:"orders"`
	}
	err = claims.Custom("limits", &limits)
	fmt.Println(limits.Orders, err)
	// Output:
	// gold <nil>
	// true
	// 100 <nil>
}

// blocked is the simplest Revocation: the sessions that were ended. Guard it with a lock if it
// changes.
type blocked map[string]bool

func (b blocked) Check(c *verify.Claims, _ time.Time) error {
	if b[c.SessionID] {
		return fmt.Errorf("session %s: %w", c.SessionID, verify.ErrRevoked)
	}
	return nil
}

func ExampleRevocation() {
	issuer, token, stop := exampleIssuer(map[string]any{"sid": "ses_1"})
	defer stop()
	ended := blocked{}
	v, err := verify.New(context.Background(), verify.Config{Issuer: issuer, Audience: "orders", Revocation: ended})
	if err != nil {
		panic(err)
	}
	_, err = v.Verify(context.Background(), token)
	fmt.Println(err)
	ended["ses_1"] = true
	_, err = v.Verify(context.Background(), token)
	fmt.Println(err)
	// Output:
	// <nil>
	// session ses_1: verify: invalid token: revoked
}
