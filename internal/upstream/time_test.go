package upstream_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/upstream"
	"github.com/signet-id/signet/keys"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bubble runs a test in which hours pass at once, with providers that ask answer.
func bubble(t *testing.T, answer transport, test func(*testing.T, *upstream.Providers, connector.Connector)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := upstream.New(upstream.Config{
			URL: "https://signet.example", Client: &http.Client{Transport: answer}, Secrets: secretOf(theSecret), Observer: &observed{},
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		defer p.Close()
		test(t, p, connector.Connector{ID: id.NewConnector(time.Now()), Reference: "idp", Kind: connector.OIDC, Issuer: "https://idp.example", ClientID: "signet"})
	})
}

func TestNobodyWaitsLongerThanFiveSeconds(t *testing.T) {
	t.Parallel()
	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	bubble(t, silent, func(t *testing.T, p *upstream.Providers, c connector.Connector) {
		for name, ask := range map[string]func(context.Context) error{
			"AuthorizationURL": func(ctx context.Context) error {
				_, err := p.AuthorizationURL(ctx, c, connector.Start{})
				return err
			},
			"Exchange": func(ctx context.Context) error {
				_, err := p.Exchange(ctx, c, connector.Return{Nonce: "x"})
				return err
			},
			"CheckIssuer":  func(ctx context.Context) error { return p.CheckIssuer(ctx, c, "") },
			"VerifyLogout": func(ctx context.Context) error { _, err := p.VerifyLogout(ctx, c, "x"); return err },
		} {
			time.Sleep(time.Hour) // past all pauses
			began := time.Now()
			failed(t, ask(t.Context()), connector.Unreachable, "within 5s")
			if took := time.Since(began); took != upstream.Patience {
				t.Errorf("%s took %s", name, took)
			}
			// Right after that nobody waits at all.
			began = time.Now()
			failed(t, ask(t.Context()), connector.Unreachable)
			if took := time.Since(began); took != 0 {
				t.Errorf("%s again took %s", name, took)
			}
		}
	})
}

func TestKeysOfAProviderThatNobodyUsesAreNotRenewed(t *testing.T) {
	t.Parallel()
	k, _, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := keys.MarshalJWK(k)
	if err != nil {
		t.Fatal(err)
	}
	metadata, _ := json.Marshal(map[string]any{
		"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a", "token_endpoint": "https://idp.example/t", "jwks_uri": "https://idp.example/k",
	})
	var askedForKeys atomic.Int64
	answer := func(r *http.Request) (*http.Response, error) {
		body := string(metadata)
		if r.URL.Path == "/k" {
			askedForKeys.Add(1)
			body = `{"keys":[` + string(jwk) + `]}`
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	bubble(t, answer, func(t *testing.T, p *upstream.Providers, c connector.Connector) {
		use := func() {
			if _, err := p.AuthorizationURL(t.Context(), c, connector.Start{}); err != nil {
				t.Fatal(err)
			}
		}
		for range 12 { // every ten minutes
			use()
			time.Sleep(10 * time.Minute)
		}
		synctest.Wait()
		if n := askedForKeys.Load(); n < 20 {
			t.Errorf("keys were renewed %d times in two hours of use", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		n := askedForKeys.Load()
		time.Sleep(24 * time.Hour)
		if askedForKeys.Load() != n {
			t.Errorf("%d requests for keys in a day without use", askedForKeys.Load()-n)
		}
		use()
		synctest.Wait()
		if askedForKeys.Load() != n+1 {
			t.Error("not known again")
		}
	})
}
