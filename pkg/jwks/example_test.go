package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/signet-id/signet/keys"
	"github.com/signet-id/signet/pkg/jwks"
)

// issuer stands in for an authorization server that publishes one key.
func issuer() (url, kid string, stop func()) {
	now := time.Now()
	k, _, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		panic(err)
	}
	k.PublishedAt = now
	body, etag, err := keys.Document([]keys.Key{k}, now)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", keys.DocumentType)
		w.Header().Set("Cache-Control", keys.DefaultSchedule().CacheControl())
		w.Header().Set("ETag", etag)
		_, _ = w.Write(body)
	}))
	return server.URL, k.ID, server.Close
}

func ExampleNew() {
	url, _, stop := issuer() // in a service: "https://id.example.com/.well-known/jwks.json"
	defer stop()
	ctx, cancel := context.WithCancel(context.Background()) // in a service: until it shuts down
	defer cancel()

	set, err := jwks.New(ctx, jwks.Config{URL: url})
	if err != nil {
		fmt.Println(err) // the Config is wrong
		return
	}
	fmt.Println(set.Ready(ctx), len(set.Health().Keys))

	_, err = jwks.New(ctx, jwks.Config{URL: "http://id.example.com/jwks"})
	fmt.Println(err)
	// Output:
	// <nil> 1
	// jwks: Config.URL "http://id.example.com/jwks" must use https; http is for loopback hosts only
}

func ExampleSet_Key() {
	url, kid, stop := issuer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set, err := jwks.New(ctx, jwks.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, kid := range []string{kid, "invented"} {
		switch key, err := set.Key(ctx, kid); {
		case err == nil:
			fmt.Println("check the signature:", key.Algorithm)
		case errors.Is(err, jwks.ErrUnknownKey):
			fmt.Println("401: the token was signed with another key")
		case errors.Is(err, jwks.ErrUnavailable):
			fmt.Println("503: the keys cannot be had")
		}
	}
	// Output:
	// check the signature: ES256
	// 401: the token was signed with another key
}

func ExampleSet_Lookup() {
	url, kid, stop := issuer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set, err := jwks.New(ctx, jwks.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := set.Ready(ctx); err != nil {
		fmt.Println(err)
		return
	}

	key, ok := set.Lookup(kid) // never waits
	fmt.Println(ok, key.ID == kid)
	// Output: true true
}

func ExampleSet_Refresh() {
	url, _, stop := issuer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set, err := jwks.New(ctx, jwks.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The issuer said on another way that its keys changed.
	fmt.Println(set.Refresh(ctx))
	stop()
	fmt.Println(set.Refresh(ctx) != nil, set.Health().OK())
	// Output:
	// <nil>
	// true true
}

func ExampleSet_Health() {
	url, _, stop := issuer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set, err := jwks.New(ctx, jwks.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := set.Ready(ctx); err != nil {
		fmt.Println(err)
		return
	}

	health := set.Health()
	fmt.Println(health.State, health.OK(), health.UsableUntil.Sub(health.FreshUntil))
	// Output: fresh true 24h0m0s
}
