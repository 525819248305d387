package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

var t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// pair is a generated key with its private half.
type pair struct {
	key     keys.Key
	private crypto.Signer
}

// pairs generates one key of each algorithm per test binary: RSA keys are slow to make.
var pairs = sync.OnceValue(func() map[keys.Algorithm]pair {
	m := make(map[keys.Algorithm]pair)
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		k, private, err := keys.Generate(alg, nil)
		if err != nil {
			panic(err)
		}
		k.CreatedAt, k.PublishedAt, k.ActivatedAt = t0, t0, t0
		m[alg] = pair{k, private}
	}
	return m
})

func each(t *testing.T, do func(t *testing.T, p pair)) {
	t.Helper()
	for alg, p := range pairs() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			do(t, p)
		})
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	k := keys.Key{
		CreatedAt:   t0,
		PublishedAt: t0.Add(1 * time.Hour),
		ActivatedAt: t0.Add(2 * time.Hour),
		RetiredAt:   t0.Add(3 * time.Hour),
		RemovedAt:   t0.Add(4 * time.Hour),
	}
	for _, c := range []struct {
		name             string
		now              time.Time
		want             keys.State
		published, signs bool
	}{
		{"before publication a key is pending", t0, keys.Pending, false, false},
		{"at publication a key is next", t0.Add(time.Hour), keys.Next, true, false},
		{"an instant before activation it does not sign", t0.Add(2*time.Hour - 1), keys.Next, true, false},
		{"at activation a key signs", t0.Add(2 * time.Hour), keys.Active, true, true},
		{"at retirement it stops and stays published", t0.Add(3 * time.Hour), keys.Retiring, true, false},
		{"at removal it is gone", t0.Add(4 * time.Hour), keys.Removed, false, false},
		{"it stays gone", t0.Add(9999 * time.Hour), keys.Removed, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := k.State(c.now); got != c.want {
				t.Errorf("State = %s, want %s", got, c.want)
			}
			if k.Publishable(c.now) != c.published || k.CanSign(c.now) != c.signs {
				t.Errorf("Publishable, CanSign = %v, %v", k.Publishable(c.now), k.CanSign(c.now))
			}
		})
	}
	t.Run("a key that was removed in a hurry skips retirement", func(t *testing.T) {
		t.Parallel()
		k := keys.Key{PublishedAt: t0, ActivatedAt: t0, RemovedAt: t0.Add(time.Minute)}
		if got := k.State(t0.Add(time.Minute)); got != keys.Removed {
			t.Errorf("State = %s", got)
		}
	})
	t.Run("a key without timestamps is pending for ever", func(t *testing.T) {
		t.Parallel()
		if got := (keys.Key{}).State(t0); got != keys.Pending {
			t.Errorf("State = %s", got)
		}
	})
}

func TestNewKeyRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strong := pairs()[keys.RS256].key.Public.(*rsa.PublicKey)
	weak := &rsa.PublicKey{N: pairsWeakModulus(), E: 65537}
	for _, c := range []struct {
		name   string
		alg    keys.Algorithm
		public crypto.PublicKey
		want   error
	}{
		{"ES256 with another curve", keys.ES256, &p384.PublicKey, keys.ErrKey},
		{"ES256 with RSA", keys.ES256, strong, keys.ErrKey},
		{"ES256 with a nil key", keys.ES256, (*ecdsa.PublicKey)(nil), keys.ErrKey},
		{"ES256 with no key", keys.ES256, nil, keys.ErrKey},
		{"RS256 with a nil key", keys.RS256, (*rsa.PublicKey)(nil), keys.ErrKey},
		{"RS256 with 1024 bits", keys.RS256, weak, keys.ErrKey},
		{"RS256 with exponent 1", keys.RS256, &rsa.PublicKey{N: strong.N, E: 1}, keys.ErrKey},
		{"RS256 with an even exponent", keys.RS256, &rsa.PublicKey{N: strong.N, E: 4}, keys.ErrKey},
		{"EdDSA with ECDSA", keys.EdDSA, &p384.PublicKey, keys.ErrKey},
		{"no algorithm", "", strong, keys.ErrAlgorithm},
		{"none", "none", strong, keys.ErrAlgorithm},
		{"a symmetric algorithm", "HS256", []byte("secret"), keys.ErrAlgorithm},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := keys.NewKey(c.alg, c.public); !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
		})
	}
}

func TestGenerateRefusesUnknownAlgorithms(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{"", "none", "HS256", "es256"} {
		if _, _, err := keys.Generate(alg, nil); !errors.Is(err, keys.ErrAlgorithm) {
			t.Errorf("Generate(%q): %v", alg, err)
		}
	}
}
