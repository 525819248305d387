// Package jwks keeps the public keys of a remote issuer: its JWKS document (RFC 7517 §5), fetched
// over HTTP, cached as its headers allow and renewed in the background, so that a lookup is a read
// from memory and a rotation of keys goes unnoticed.
//
// [New] starts; [Set.Lookup] and [Set.Key] find keys; [Set.Health] says in words how things stand.
// Those who verify the access tokens of Signet use pkg/verify, which uses this package.
//
// # Lifetimes
//
// A document is fresh for max-age less Age (RFC 9111 §4.2), from the moment it was asked for, but
// at least for [MinTTL], which Config.MinTTL can shorten, and at most for [MaxTTL]. Without max-age the
// time between Date and Expires counts, and without either [DefaultTTL]. no-cache and no-store count as
// a max-age of 0.
//
// It is renewed at 80 % of that time, give or take a tenth, so that many replicas spread their
// requests. The request carries If-None-Match; a 304 renews what is there and a 200 replaces the
// whole set.
//
// While it cannot be renewed it is used past its freshness for stale-if-error (RFC 5861 §4), at
// most for [MaxStaleIfError], and for [DefaultStaleIfError] if the issuer does not say. Only
// stale-if-error itself shortens this: must-revalidate and no-cache, which several servers put on
// everything they send, do not, because a service without keys refuses everybody. After that the set
// fails closed: no key is found ([ErrUnavailable]) until a fetch succeeds.
//
// # Unknown key ids
//
// Whoever sends a token chooses its kid. An unknown one causes a fetch at most every
// [UnknownKeyPause], which all who wait share; one that a fetch did not bring is refused from memory
// for [AbsentTTL], or until the next successful fetch.
//
// # What is not believed
//
// Redirects, documents over [MaxDocumentSize] or with more than [MaxKeys] keys, invalid or ambiguous
// JSON, a kid that occurs twice and private key material refuse the whole document, and the keys
// before it stay. Keys of a kind that [keys.ParseJWK] does not know, weak ones and those that are not
// for signatures are passed over (RFC 7517 §5).
//
// # Clocks
//
// The age of a document is the greater of two: what the monotonic clock counted and what the wall
// clock shows. So a wall clock set back does not prolong the life of a key, and a machine that slept
// (most monotonic clocks stop meanwhile) does not use old keys when it wakes. A wall clock set forward
// looks like sleep; it costs one fetch.
package jwks
