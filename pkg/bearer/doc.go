// Package bearer guards net/http routes with access tokens: it reads the token from the request,
// has it verified, applies the rules of the route, and answers everybody else as RFC 6750 asks.
//
// Three lines in main, one per route:
//
//	verifier, err := verify.New(ctx, verify.Config{Issuer: issuer, Audience: "https://orders.example"})
//	…
//	guard := bearer.New(verifier)
//	mux.Handle("GET /orders", guard.Require(bearer.Permission("orders:read"))(http.HandlerFunc(list)))
//
// The handler finds the caller in the request's context:
//
//	claims, _ := bearer.FromContext(r.Context())
//	orders := book.Of(claims.TenantID)
//
// # Answers
//
//	request                                   status  WWW-Authenticate
//	no token, or another scheme               401     Bearer realm="…" and no error (RFC 6750 §3.1)
//	two tokens, or a header that is malformed 400     error="invalid_request"
//	a token that is no good                   401     error="invalid_token"
//	a rule that is not met                    403     error="insufficient_scope", scope="…"
//	nobody can tell whether it is good        503     none; Retry-After says when to come back
//
// The body is JSON: error, error_description and scope, as far as there are any; see [OnError].
// Neither says more about a bad token than a fixed sentence; the cause goes to [Log].
//
// # What is read
//
// The Authorization header and nothing else (RFC 6750 §2.1). A token in the query (§2.3) or in a
// form (§2.2) is never accepted: those end in logs, histories and Referer headers (RFC 9700
// §4.3.2). A request that has one in the query beside the header is refused, since it uses two
// methods at once (RFC 6750 §2).
//
// A browser's preflight request (OPTIONS) carries no token: put what answers it, your CORS
// middleware, around the guard.
package bearer
