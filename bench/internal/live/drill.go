package live

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// Drill is the theft of the key that signs, and what is done about it: an administrator revokes it, and a
// forged token is shown to every verifier until each refuses it.
type Drill struct {
	Fleet     *Fleet
	Kinds     []Kind // the key of the first one's algorithm is stolen
	Verifiers []Verifier
	// Load loads the keys from the database, and Envelope opens them: a thief needs both.
	Load     func(context.Context) (keyring.Stored, error)
	Envelope *envelope.Envelope
	// Bound is how long a verifier is waited for.
	Bound time.Duration
}

// Outcome is what a drill found. Times count from the moment in which the revocation was asked for.
type Outcome struct {
	KeyID string
	// Answered is when the administrator had the answer.
	Answered time.Duration
	// Signed is when each replica issued its first token with another key, Published when each served a
	// key set without the stolen one.
	Signed, Published []time.Duration
	// Refused is when each verifier refused the forged token for good; missing are those that never did
	// within the bound.
	Refused map[string]time.Duration
	// Innocent counts the good tokens of the drill, signed with the new key.
	Innocent *Ledger
}

const (
	// pollEvery is how often the forged token is shown, and replicas are looked at.
	pollEvery = 100 * time.Millisecond
	// forgedFor is how long the forged token claims to live.
	forgedFor = time.Hour
)

// Run carries it out. Settle before, and let the verifiers fetch the keys after that: then what is
// measured is close to the longest that it can take.
func (d *Drill) Run(ctx context.Context) (*Outcome, error) {
	kind := d.Kinds[0]
	genuine, err := d.Fleet.Issue(ctx, 0, kind)
	if err != nil {
		return nil, fmt.Errorf("before the theft: %w", err)
	}
	forged, err := d.forge(ctx, genuine)
	if err != nil {
		return nil, fmt.Errorf("forge a token: %w", err)
	}
	for _, v := range d.Verifiers {
		if err := v.Verify(ctx, forged); err != nil {
			return nil, fmt.Errorf("%s refuses the forged token before its key was revoked, so nothing can be measured: %w", v.Name(), err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Bound)
	defer cancel()
	began := time.Now()
	if err := d.Fleet.Revoke(ctx, genuine.KeyID); err != nil {
		return nil, fmt.Errorf("revoke the stolen key: %w", err)
	}
	return d.watch(ctx, forged, began), nil
}

// watch waits for everybody, until ctx ends.
func (d *Drill) watch(ctx context.Context, forged Token, began time.Time) *Outcome {
	n := d.Fleet.Size()
	o := &Outcome{
		KeyID: forged.KeyID, Answered: time.Since(began), Refused: map[string]time.Duration{}, Innocent: NewLedger(),
		Signed: make([]time.Duration, n), Published: make([]time.Duration, n),
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, v := range d.Verifiers {
		wg.Go(func() {
			if at, ok := d.refusal(ctx, v, forged, began); ok {
				mu.Lock()
				defer mu.Unlock()
				o.Refused[v.Name()] = at
			}
		})
	}
	for i := range n {
		wg.Go(func() {
			poll(ctx, func() bool {
				document, err := d.Fleet.document(ctx, i)
				if err != nil || strings.Contains(document, `"`+forged.KeyID+`"`) {
					return false
				}
				o.Published[i] = time.Since(began)
				return true
			})
		})
		wg.Go(func() {
			poll(ctx, func() bool {
				t, err := d.Fleet.Issue(ctx, i, forged.Kind)
				if err != nil || t.KeyID == forged.KeyID {
					return false
				}
				if o.Signed[i] == 0 {
					o.Signed[i] = time.Since(began)
				}
				o.Innocent.Issued(t)
				judge(&wg, o.Innocent, d.Verifiers, t)
				return false // good tokens go on to be issued and judged until the end
			})
		})
	}
	wg.Wait()
	return o
}

// refusal is when the verifier refused the forged token, and did not accept it any more until a second
// later.
func (d *Drill) refusal(ctx context.Context, v Verifier, forged Token, began time.Time) (at time.Duration, ok bool) {
	since := time.Duration(0)
	poll(ctx, func() bool {
		err := v.Verify(ctx, forged)
		now := time.Since(began)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			since = 0
		case since == 0:
			since = now
		case now-since > time.Second:
			at, ok = since, true
		}
		return ok
	})
	return at, ok
}

// poll calls done until it says so or ctx ends.
func poll(ctx context.Context, done func() bool) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil && !done() {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Settle waits until the key that is to be stolen changes no more by itself while the drill lasts.
func (d *Drill) Settle(ctx context.Context) (err error) {
	alg := d.Kinds[0].Algorithm
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	calm := false
	poll(ctx, func() bool {
		var stored keyring.Stored
		stored, err = d.Load(ctx)
		end := stored.Now.Add(2 * d.Bound)
		calm = err == nil && !slices.ContainsFunc(stored.Keys, func(k keyring.SealedKey) bool {
			return k.Algorithm == string(alg) && k.ActivatedAt.After(stored.Now) && k.ActivatedAt.Before(end)
		})
		return calm
	})
	if !calm {
		return errors.Join(errors.New("the keys go on changing, so the drill cannot begin"), err)
	}
	return nil
}

// forge signs with the private key out of the database what the token says, for longer.
func (d *Drill) forge(ctx context.Context, genuine Token) (Token, error) {
	stored, err := d.Load(ctx)
	if err != nil {
		return Token{}, err
	}
	at := slices.IndexFunc(stored.Keys, func(k keyring.SealedKey) bool { return k.KID == genuine.KeyID })
	if at < 0 {
		return Token{}, fmt.Errorf("key %s is not in the database", genuine.KeyID)
	}
	signer, err := d.steal(genuine.Algorithm, stored.Keys[at])
	if err != nil {
		return Token{}, err
	}
	var claims map[string]any
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(genuine.Raw, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		return Token{}, err
	}
	forged := genuine
	forged.Expires = time.Now().Add(forgedFor).Truncate(time.Second)
	claims["exp"], claims["jti"] = forged.Expires.Unix(), "forged"
	if payload, err = json.Marshal(claims); err != nil {
		return Token{}, err
	}
	forged.Raw, err = signer.Sign(ctx, accessTokenType, payload)
	return forged, err
}

// steal opens a stored key with the master key.
func (d *Drill) steal(alg keys.Algorithm, row keyring.SealedKey) (*keys.Signer, error) {
	der, err := d.Envelope.Open(row.Sealed, envelope.Identity("signing-key", row.KID))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T does not sign", parsed)
	}
	k, err := keys.NewKey(alg, private.Public())
	if err != nil {
		return nil, err
	}
	return keys.NewSigner(k, private)
}

// Revoke is what an administrator does about a stolen key.
func (f *Fleet) Revoke(ctx context.Context, kid string) error {
	token, err := f.grant(ctx, 0, string(administrator), machineSecret().Reveal(), url.Values{
		"resource": {admin.Audience}, "scope": {admin.InstallationManage},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.address(0)+"/admin/v1/keys/"+url.PathEscape(kid)+"/revoke",
		bytes.NewReader([]byte(`{"compromised":true}`)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	var answer any
	status, err := f.exchange(req, &answer)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("status %d: %v", status, answer)
	}
	return err
}

// document is the key set that the i-th replica serves.
func (f *Fleet) document(ctx context.Context, i int) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address(i)+"/.well-known/jwks.json", nil)
	if err != nil {
		return "", err
	}
	res, err := f.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return string(b), err
}
