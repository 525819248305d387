// Package keys is the key-rotation module of Signet: the states a signing key passes through,
// the schedule that makes a rotation invisible, signers, and the JWKS document.
//
// It is pure. It opens no connection, reads no clock (every rule takes now) and keeps no
// state beyond what the caller holds, so it can be used to publish and rotate keys of an
// issuer other than Signet.
//
// A key moves through five states, each entered at a timestamp on [Key]:
//
//	pending → next → active → retiring → removed
//
// next and retiring keys are published but do not sign: verifiers hold a key before its first
// token and until after its last one. [Schedule] says how long each must last.
//
// [Signer] makes compact JWS over any crypto.Signer, so that a key may live in a KMS.
// [Verify] is its counterpart for tokens that the holder of the keys issued: it checks the
// signature, the algorithm and the type, never the claims. To verify tokens of a remote issuer
// use pkg/verify, which is made of [Parse] and [Members].
package keys
