package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/signet-id/signet/keys"
)

// What the tokens are about.
const (
	audience = "https://orders.example"
	tenant   = "acme"
	scope    = "openid profile orders:read orders:write"
	leeway   = 30 * time.Second // every contender tolerates as much
)

// issuer signs tokens as Signet does and publishes its keys on loopback.
type issuer struct {
	URL       string
	Algorithm keys.Algorithm
	Active    keys.Key // the key that signs
	Next      keys.Key // published beside it, as Signet always does

	signer *keys.Signer
	server *http.Server
}

// newIssuer serves until Close.
func newIssuer(ctx context.Context, alg keys.Algorithm) (*issuer, error) {
	active, private, err := keys.Generate(alg, rand.Reader)
	if err != nil {
		return nil, err
	}
	next, _, err := keys.Generate(alg, rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := keys.NewSigner(active, private)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	active.CreatedAt, active.PublishedAt, active.ActivatedAt = now, now, now
	next.CreatedAt, next.PublishedAt = now, now
	document, etag, err := keys.Document([]keys.Key{active, next}, now)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &issuer{URL: "http://" + listener.Addr().String(), Algorithm: alg, Active: active, Next: next, signer: signer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", keys.DefaultSchedule().CacheControl())
		w.Header().Set("ETag", etag)
		_, _ = w.Write(document)
	})
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = i.server.Serve(listener) }()
	return i, nil
}

// Close stops publishing.
func (i *issuer) Close() { _ = i.server.Close() }

// claims are those of a person's access token; each token is another (jti).
func (i *issuer) claims(now time.Time, n int) map[string]any {
	return map[string]any{
		"iss": i.URL, "aud": []string{audience}, "sub": "usr_01k9x4q2h7f0t8b5n3m6c1v2za", "client_id": "cli_01k9x4q2h7f0t8b5n3m6c1v2zb",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprintf("%s.%d", rand.Text(), n),
		"scope": scope, "auth_time": now.Unix(), "acr": "1", "amr": []string{"pwd"},
		"sid": "ses_01k9x4q2h7f0t8b5n3m6c1v2zc", "grant_id": "gra_01k9x4q2h7f0t8b5n3m6c1v2zd",
		"tenant_id": "ten_01k9x4q2h7f0t8b5n3m6c1v2ze", "tenant": tenant, "roles": []string{"admin", "clerk"},
		"permissions": []string{"orders:read", "orders:write", "orders:refund"},
	}
}

// Token signs the claims after change has had its way; change may be nil.
func (i *issuer) Token(typ string, n int, change func(map[string]any)) (string, error) {
	c := i.claims(time.Now(), n)
	if change != nil {
		change(c)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return i.signer.Sign(context.Background(), typ, payload)
}

// token is a token and what a bare check of its signature needs, worked out beforehand.
type token struct {
	Raw       string
	Input     []byte // what was signed
	Digest    []byte // SHA-256 of it
	Signature []byte // in the form that the standard library takes
}

// Tokens signs n tokens that differ, on all processors.
func (i *issuer) Tokens(n, workers int) ([]token, error) {
	out := make([]token, n)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for k := w; k < n && errs[w] == nil; k += workers {
				raw, err := i.Token("at+jwt", k, nil)
				if err == nil {
					out[k], err = dissect(raw, i.Algorithm)
				}
				errs[w] = err
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dissect prepares a token for the bare check.
func dissect(raw string, alg keys.Algorithm) (token, error) {
	dot := strings.LastIndexByte(raw, '.')
	signature, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
	if err != nil {
		return token{}, err
	}
	if alg == keys.ES256 {
		if signature, err = derOf(signature); err != nil {
			return token{}, err
		}
	}
	h := crypto.SHA256.New()
	h.Write([]byte(raw[:dot]))
	return token{Raw: raw, Input: []byte(raw[:dot]), Digest: h.Sum(nil), Signature: signature}, nil
}
