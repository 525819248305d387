package connector

import (
	"errors"
	"fmt"
)

// Reason says why a sign-in through a provider failed: in metrics, in the audit log, and which
// words a page has.
type Reason string

// The reasons. The first is the person's own choice; the next ones pass by themselves; then what
// the people who set up the connector have to look at; the last ones are about the person.
const (
	Cancelled    Reason = "cancelled"    // error=access_denied
	Unreachable  Reason = "unreachable"  // no connection, or no answer in time
	Unavailable  Reason = "unavailable"  // the provider says that it cannot answer
	Throttled    Reason = "throttled"    // too many have left for providers from one address
	Expired      Reason = "expired"      // the attempt is over, was used, or belongs to another browser
	Refused      Reason = "refused"      // another error of the authorization endpoint
	CodeRefused  Reason = "code_refused" // the token endpoint did not take the code
	Unauthorized Reason = "unauthorized" // nor our client id and secret
	Metadata     Reason = "metadata"     // the discovery document cannot be used
	BadToken     Reason = "bad_token"    // the ID token is not one for us: signature, audience, nonce, …
	Clock        Reason = "clock"        // it is not valid yet, or no longer: one of the clocks is wrong
	WrongIssuer  Reason = "wrong_issuer" // somebody else answered (RFC 9207)
	BadAnswer    Reason = "bad_answer"   // what the provider said makes no sense
	NotFresh     Reason = "not_fresh"    // it did not ask the person to sign in again, as was demanded
	WrongDomain  Reason = "wrong_domain" // hd is none of those that are let in
	NoAddress    Reason = "no_address"   // there is no verified e-mail address
	NotLinked    Reason = "unknown"      // Unknown
	NotVouched   Reason = "unvouched"    // Unvouched
	AccountOff   Reason = "disabled"     // Disabled
	LinkedElse   Reason = "linked_elsewhere"
	SwitchedOff  Reason = "switched_off" // the connector is disabled
	Internal     Reason = "internal"     // ours
)

// Failure is why a sign-in through a provider failed. Text tells the people who set the connector
// up what is wrong and what to do; it goes to the log, the audit log and the test of a connection,
// never to the person who signs in, and it holds no secret.
type Failure struct {
	Reason Reason
	Text   string
	Cause  error // for the log alone
}

// Fail returns a Failure.
func Fail(reason Reason, cause error, format string, args ...any) error {
	return &Failure{Reason: reason, Text: fmt.Sprintf(format, args...), Cause: cause}
}

// Error is for the log.
func (f *Failure) Error() string {
	s := string(f.Reason) + ": " + f.Text
	if f.Cause != nil {
		s += ": " + f.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// ReasonOf returns the reason of an error, Internal if it has none.
func ReasonOf(err error) Reason {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Reason
	}
	return Internal
}

// Passing reports whether trying again may help without anybody doing anything.
func (r Reason) Passing() bool { return r == Unreachable || r == Unavailable || r == Internal }

// Finding is one thing that a test of a connection looked at.
type Finding struct {
	Check  string // what was looked at, in a few words
	OK     bool
	Detail string // what was found; of a fault, what to do
}
