package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

func TestOfReplicasThatChangeKeysAtOnceEachSeesWhatTheOneBeforeDid(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	sealed := envelope.Sealed{MasterID: "m", WrappedKey: []byte("w"), Ciphertext: []byte("c")}
	key := func(kid string) keyring.SealedKey {
		return keyring.SealedKey{
			KID: kid, Algorithm: "ES256", PublicJWK: []byte(`{"kty":"EC"}`), Sealed: sealed, CreatedAt: now, PublishedAt: now,
		}
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			_, err := w.Keys().Change(t.Context(), true, func(s keyring.Stored) (keyring.Edit, error) {
				if age := time.Since(s.Now); age.Abs() > time.Minute {
					t.Errorf("the database's clock is %s behind", age)
				}
				if len(s.Keys) > 0 {
					return keyring.Edit{}, nil
				}
				return keyring.Edit{
					Step: keys.StepBegin, Added: []keyring.SealedKey{key(fmt.Sprint("first-", i)), key(fmt.Sprint("next-", i))},
					Secrets: []keyring.SealedSecret{{Purpose: "root", Version: 1, Sealed: sealed, CreatedAt: now}},
				}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.Keys().Load(t.Context())
	must(t, err)
	if len(got.Keys) != 2 || len(got.Secrets) != 1 || got.Secrets[0].Version != 1 || !got.Keys[0].PublishedAt.Equal(now) ||
		!got.Keys[0].ActivatedAt.IsZero() || string(got.Keys[0].Sealed.Ciphertext) != "c" {
		t.Fatalf("%+v", got)
	}
	if n := w.count(t, `SELECT count(*) FROM audit_event WHERE action = 'key.published' AND target = $1 AND detail->>'step' = 'begin'`, got.Keys[0].KID); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestTheRotatorDoesNotWaitForAnother(t *testing.T) {
	t.Parallel()
	w := build(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(leave)
	wg.Go(func() {
		_, err := w.Keys().Change(t.Context(), true, func(keyring.Stored) (keyring.Edit, error) {
			close(inside)
			<-leave
			return keyring.Edit{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	busy, err := w.Keys().Change(t.Context(), false, func(keyring.Stored) (keyring.Edit, error) {
		t.Error("it got in")
		return keyring.Edit{}, nil
	})
	if err != nil || !busy {
		t.Errorf("busy = %v, %v", busy, err)
	}
}

func TestWhatATurnRefusesLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := build(t)
	refusal := errors.New("no")
	_, err := w.Keys().Change(t.Context(), true, func(keyring.Stored) (keyring.Edit, error) { return keyring.Edit{}, refusal })
	if !errors.Is(err, refusal) || errors.Is(err, errdefs.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	// A key that is not there cannot change, and what was added beside it is undone.
	_, err = w.Keys().Change(t.Context(), true, func(keyring.Stored) (keyring.Edit, error) {
		return keyring.Edit{
			Added:   []keyring.SealedKey{{KID: "fresh", Algorithm: "ES256", PublicJWK: []byte("{}"), CreatedAt: time.Now()}},
			Changed: []keyring.SealedKey{{KID: "gone"}},
		}, nil
	})
	if err == nil || w.count(t, "SELECT count(*) FROM signing_key") != 0 {
		t.Errorf("%v", err)
	}
}

func TestKeysAsTheyAreStored(t *testing.T) {
	t.Parallel()
	w := build(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	w.exec(t, "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed, created_at) VALUES ('k', 'ES256', '{}', 'nonsense', now()), ('l', 'ES256', '{}', 'nonsense', now())")
	// The latest expiry only grows.
	for _, at := range []time.Time{now, now.Add(time.Hour), now.Add(time.Minute)} {
		must(t, w.Keys().RecordMaxExpiry(t.Context(), "k", at))
	}
	got, err := w.Keys().Load(t.Context())
	if err != nil || !got.Keys[0].MaxExpiry.Equal(now.Add(time.Hour)) || !got.Keys[1].MaxExpiry.IsZero() || got.Keys[0].Sealed.MasterID != "" {
		t.Errorf("%+v, %v", got.Keys, err)
	}
	w.exec(t, "UPDATE signing_key SET removed_at = now() - interval '401 days' WHERE kid = 'k'")
	if got, err := w.Keys().Load(t.Context()); err != nil || len(got.Keys) != 1 {
		t.Errorf("a key removed long ago is loaded: %+v, %v", got.Keys, err)
	}
	w.exec(t, "INSERT INTO system_secret (purpose, version, sealed, created_at) VALUES ('root', 1, 'nonsense', now())")
	// The ring refuses what does not open, or goes on with what it has.
	if got, err := w.Keys().Load(t.Context()); err != nil || len(got.Secrets) != 1 || got.Secrets[0].Sealed.MasterID != "" {
		t.Errorf("nonsense was loaded as a secret: %+v, %v", got.Secrets, err)
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
	w.exec(t, "UPDATE client SET id_token_algorithm = 'RS256' WHERE id = 'c'")
	counts, err := w.Keys().Chosen(t.Context())
	must(t, err)
	if want := []keyring.Chosen{{Algorithm: "EdDSA", Clients: 1, ResourceServers: 1}, {Algorithm: "RS256", Clients: 2}}; !slices.Equal(counts, want) {
		t.Errorf("counted: %+v, want %+v", counts, want)
	}
}
