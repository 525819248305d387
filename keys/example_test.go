package keys_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-id/signet/keys"
)

// A new key is published first, and signs only once every verifier has had time to load it.
func ExampleGenerate() {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	schedule := keys.DefaultSchedule()

	k, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	k.CreatedAt, k.PublishedAt, k.ActivatedAt = now, now, now.Add(schedule.Lead)

	_ = private // goes to wherever secrets are kept; NewSigner needs it again
	fmt.Println(k.State(now), k.CanSign(now))
	fmt.Println(k.State(now.Add(schedule.Lead)), k.CanSign(now.Add(schedule.Lead)))
	// Output:
	// next false
	// active true
}

func ExampleVerify() {
	k, private, err := keys.Generate(keys.EdDSA, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := keys.NewSigner(k, private)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := signer.Sign(context.Background(), "at+jwt", []byte(`{"sub":"usr_1"}`))
	if err != nil {
		fmt.Println(err)
		return
	}

	lookup := func(kid string) (keys.Key, bool) { return k, kid == k.ID }
	payload, header, err := keys.Verify(token, lookup, "at+jwt")
	fmt.Println(string(payload), header.Algorithm, err)

	_, _, err = keys.Verify(token, lookup, "logout+jwt")
	fmt.Println(errors.Is(err, keys.ErrType))
	// Output:
	// {"sub":"usr_1"} EdDSA <nil>
	// true
}

func ExampleDocument() {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	k, err := keys.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	k.PublishedAt = now
	body, etag, err := keys.Document([]keys.Key{k}, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(body))
	fmt.Println(len(etag), keys.DefaultSchedule().CacheControl())
	// Output:
	// {"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","kty":"OKP","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
	// 45 public, max-age=300, stale-while-revalidate=60, stale-if-error=86400
}

func ExampleSchedule_Validate() {
	s := keys.DefaultSchedule()
	s.MaxLifetime = 3 * time.Hour
	fmt.Println(s.Validate())
	// Output:
	// Removal is 2h0m0s: it must be at least 3h1m30s, or valid tokens outlive their key
}
