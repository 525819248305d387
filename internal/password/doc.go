// Package password owns how passwords are hashed, verified and judged.
//
// It has two parts. A [Hasher] turns a password into an argon2id hash in PHC string form and
// verifies such hashes, as well as those that other systems made (bcrypt, scrypt, PBKDF2,
// argon2i, argon2d, SHA-crypt), all of it under one bound on memory and concurrency. [Rules]
// say whether a new password is acceptable (NIST SP 800-63B-4 §3.1.1.2).
//
// It does not own accounts, throttling (package ratelimit) or storage, and knows neither HTTP
// nor SQL. Passwords arrive as secret.Text and never appear in an error.
//
// Sign-in uses it in this order: ratelimit.Limiter.Check, then [Hasher.Verify] for a known
// account or [Hasher.VerifyNone] for an unknown one, then, when [Result.Rehash] says so,
// [Hasher.Hash] and a compare-and-set of the stored hash.
package password
