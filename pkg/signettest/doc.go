// Package signettest is an issuer of access tokens for the tests of services that use pkg/verify
// or pkg/bearer. It runs in the test's process, listens on loopback, and needs neither Signet nor a
// database.
//
//	issuer := signettest.New(t, signettest.Audience("https://orders.example"))
//	guard := bearer.New(issuer.Verifier(t, "https://orders.example"))
//	…
//	token := issuer.Token(signettest.Subject("usr_ada"), signettest.Permission("orders:read"))
//
// # Tokens
//
// [Issuer.Token] mints any token, good or bad, in one line. Without options it is a good one of a
// person, as Signet makes them. What a [TokenOption] says given to [New] holds for all tokens of the
// issuer. Options are applied in their order, so the last word counts.
//
// Bad tokens that a service should have seen in its tests, unless it leaves all of this to
// pkg/bearer, whose own tests do:
//
//	issuer.Token(signettest.ExpiresIn(-time.Minute))
//	issuer.Token(signettest.Audience("https://billing.example"))
//	issuer.Token(signettest.IssuedBy("https://evil.example"))
//	issuer.Token(signettest.Type("JWT"))                  // an ID token
//	issuer.Token(signettest.Unsigned())                   // alg: none
//	issuer.Token(signettest.SignedWithPublicKey())        // alg: HS256
//	issuer.Token(signettest.SignedByStranger())           // another key, under the issuer's kid
//	issuer.Token(signettest.Tampered())                   // changed after it was signed
//
// # Keys, outages, time
//
// [Issuer.Rotate], [Issuer.Compromise] and [Issuer.Remove] change the published keys as a Signet
// does. [Issuer.Down] makes the issuer unreachable until [Issuer.Up]. Its clock stands still until
// [Issuer.Advance] moves it; hand [Issuer.Now] to what is tested, as [Issuer.Verifier] does, and an
// hour passes at once.
//
// Private keys are made for each issuer and never leave it.
package signettest
