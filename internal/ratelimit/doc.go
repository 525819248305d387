// Package ratelimit owns the decision whether a sign-in attempt may be tried now.
//
// Attempts are counted per account, per network address, and per known device, in a [Store]
// that all replicas share. An attempt is counted before the password is looked at and given
// back when it succeeds, so that parallel guesses cannot all pass before the first failure is
// recorded; a failed attempt needs no further call.
//
// An account that is being attacked stays usable for its owner: a browser that signed in to
// the account before (the caller proves it with a cookie) is counted on a counter of its own,
// which nobody without that cookie can fill, and neither the account's nor the address's
// counter holds it up. Where no such browser is at hand, [Limiter.Forgive] after a password
// reset opens the account again.
//
// Unknown accounts are throttled exactly as known ones, so an answer tells nothing about
// existence. Counters are stored under keyed digests: neither the names that people mistype nor
// their addresses can be read from the table.
//
// A Limiter of its own, with another secret and other policies, holds off those who have messages
// sent to a mailbox: there every request counts, and none is given back. [Limiter.Spend] counts by
// other things than accounts and addresses, such as the letters that a tenant sends.
//
// It does not own cookies, the client's address behind proxies, or SQL.
package ratelimit
