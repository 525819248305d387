package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

func TestOfTwoReplicasThatCreateTheFirstKeysOneStoresThem(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	sealed := envelope.Sealed{MasterID: "m", WrappedKey: []byte("w"), Ciphertext: []byte("c")}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			key := func(alg string, n int) keyring.SealedKey {
				return keyring.SealedKey{
					KID: fmt.Sprintf("%s-%d-%d", alg, i, n), Algorithm: alg, PublicJWK: []byte(`{"kty":"EC"}`), Sealed: sealed, CreatedAt: now, PublishedAt: now,
				}
			}
			err := w.Keys().CreateInitial(t.Context(), []keyring.SealedKey{key("ES256", 1), key("ES256", 2), key("RS256", 1), key("RS256", 2)},
				[]keyring.SealedSecret{{Purpose: "root", Version: 1, Sealed: sealed, CreatedAt: now}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.Keys().LoadKeys(t.Context())
	must(t, err)
	if len(got) != 4 {
		t.Fatalf("%d keys", len(got))
	}
	winner := got[0].KID[6]
	for _, k := range got {
		if k.KID[6] != winner || !k.PublishedAt.Equal(now) || !k.ActivatedAt.IsZero() || string(k.Sealed.Ciphertext) != "c" {
			t.Errorf("%+v", k)
		}
	}
	if s, err := w.Keys().LoadSecrets(t.Context()); err != nil || len(s) != 1 || s[0].Version != 1 {
		t.Errorf("%+v, %v", s, err)
	}

	// The latest expiry only grows.
	for _, at := range []time.Time{now, now.Add(time.Hour), now.Add(time.Minute)} {
		must(t, w.Keys().RecordMaxExpiry(t.Context(), got[0].KID, at))
	}
	if got, err = w.Keys().LoadKeys(t.Context()); err != nil || !got[0].MaxExpiry.Equal(now.Add(time.Hour)) || !got[1].MaxExpiry.IsZero() {
		t.Errorf("%v, %v", got[0].MaxExpiry, err)
	}
	w.exec(t, "UPDATE signing_key SET removed_at = now() - interval '31 days' WHERE kid = $1", got[0].KID)
	if got, err = w.Keys().LoadKeys(t.Context()); err != nil || len(got) != 3 {
		t.Errorf("a key removed long ago is loaded: %d, %v", len(got), err)
	}
	w.exec(t, "UPDATE system_secret SET sealed = 'nonsense'")
	if _, err := w.Keys().LoadSecrets(t.Context()); err == nil {
		t.Error("nonsense was loaded as a secret")
	}
}

func TestTheChosenAlgorithmsAreThoseOfClientsAndResourceServers(t *testing.T) {
	t.Parallel()
	w := build(t)
	chosen := func(want ...keys.Algorithm) {
		t.Helper()
		got, err := w.Keys().ChosenAlgorithms(t.Context())
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("chosen: %v, want %v", got, want)
		}
	}
	chosen()
	w.exec(t, "INSERT INTO resource_server (audience, name, signing_algorithm) VALUES ('https://a.example', 'A', 'EdDSA'), ('https://b.example', 'B', 'ES256')")
	chosen("ES256", "EdDSA")
	w.exec(t, "INSERT INTO client (id, name, auth_method, id_token_algorithm) VALUES ('a', 'A', 'none', 'RS256'), ('b', 'B', 'none', 'EdDSA'), ('c', 'C', 'none', '')")
	chosen("ES256", "EdDSA", "RS256")
	w.exec(t, "DELETE FROM resource_server WHERE audience = 'https://b.example'")
	w.exec(t, "UPDATE client SET disabled_at = now() WHERE id = 'a'") // who may be enabled again
	chosen("EdDSA", "RS256")
}
