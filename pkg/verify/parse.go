package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-id/signet/keys"
)

// maxTime is the last second of the year 9999 in Unix time. Nothing later is a date.
const maxTime = 253402300799

// The claims that an access token must have (RFC 9068 §2.2), a bit each, in the order of required.
const (
	hasIssuer = 1 << iota
	hasSubject
	hasAudience
	hasExpiry
	hasIssuedAt
	hasID
	hasClientID
)

var required = [...]string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id"}

// parseClaims reads a payload. Strings of the result are parts of it: the claims hold one copy of
// the payload and not much more. The error is ErrMalformed, ErrMissingClaim or ErrBound.
func parseClaims(payload string) (*Claims, error) {
	c := &Claims{payload: payload}
	p := parser{c: c}
	if err := keys.Members(payload, p.member); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	for i, name := range required {
		if p.has&(1<<i) == 0 {
			return nil, fmt.Errorf("%w: %s", ErrMissingClaim, name)
		}
	}
	if p.bound {
		return nil, fmt.Errorf("%w: it has a cnf", ErrBound)
	}
	return c, nil
}

type parser struct {
	c     *Claims
	has   int
	bound bool
}

// member reads one claim; what has no field of its own is left to Claims.Custom.
func (p *parser) member(name, value string) error {
	c := p.c
	var err error
	switch name {
	case "iss":
		err = p.require(hasIssuer, &c.Issuer, value)
	case "sub":
		err = p.require(hasSubject, &c.Subject, value)
	case "jti":
		err = p.require(hasID, &c.ID, value)
	case "client_id":
		err = p.require(hasClientID, &c.ClientID, value)
	case "aud":
		p.has |= hasAudience
		c.Audience, err = audience(value)
	case "exp":
		p.has |= hasExpiry
		c.Expiry, err = date(value)
	case "iat":
		p.has |= hasIssuedAt
		c.IssuedAt, err = date(value)
	case "nbf":
		c.NotBefore, err = date(value)
	case "auth_time":
		c.AuthTime, err = date(value)
	case "scope":
		c.Scopes, err = scopes(value)
	case "acr":
		c.ACR, err = keys.Text(value)
	case "amr":
		c.AMR, err = texts(value)
	case "sid":
		c.SessionID, err = keys.Text(value)
	case "grant_id":
		c.GrantID, err = keys.Text(value)
	case "tenant_id":
		c.TenantID, err = keys.Text(value)
	case "tenant":
		c.Tenant, err = keys.Text(value)
	case "roles":
		c.Roles, err = texts(value)
	case "permissions":
		c.Permissions, err = texts(value)
	case "permissions_omitted":
		c.PermissionsOmitted, err = truth(value)
	case "cnf":
		p.bound = true
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", name, err)
	}
	return nil
}

// require reads a string that must not be empty.
func (p *parser) require(bit int, to *string, value string) (err error) {
	if *to, err = keys.Text(value); err == nil && *to != "" {
		p.has |= bit
	}
	return err
}

// audience reads one string or an array of strings (RFC 7519 §4.1.3).
func audience(value string) ([]string, error) {
	if value[0] != '"' {
		return texts(value)
	}
	one, err := keys.Text(value)
	return []string{one}, err
}

// scopes splits a scope (RFC 6749 §3.3), and lets it have more spaces than it should.
func scopes(value string) ([]string, error) {
	s, err := keys.Text(value)
	if err != nil {
		return nil, err
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, fmt.Errorf("the byte %q is not allowed in a scope", c)
		}
	}
	return strings.Fields(s), nil
}

// texts reads an array of strings. value is JSON that keys.Members found to be valid.
func texts(value string) ([]string, error) {
	if value[0] != '[' {
		return nil, fmt.Errorf("not an array of strings")
	}
	// Not fewer than there are elements: commas within strings count too.
	list := make([]string, 0, strings.Count(value, ",")+1)
	rest := strings.TrimLeft(value[1:], space)
	for rest[0] != ']' {
		if rest[0] != '"' {
			return nil, fmt.Errorf("not an array of strings")
		}
		end := closing(rest)
		s, err := keys.Text(rest[:end])
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		rest = strings.TrimLeft(rest[end:], space)
		if rest[0] == ',' {
			rest = strings.TrimLeft(rest[1:], space)
		}
	}
	// Claims are shared: an append by one request must not write where another's does.
	return slices.Clip(list), nil
}

const space = " \t\r\n" // of JSON (RFC 8259 §2)

// closing returns the length of the valid JSON string at the beginning of s.
func closing(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// date reads a NumericDate (RFC 7519 §2): seconds, which may have a fraction, of which nine digits
// count. It refuses negative and exponential numbers and dates after the year 9999: no issuer
// writes them, and readers differ on them.
func date(value string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(value, ".")
	seconds, err := digits(whole)
	if err != nil || seconds > maxTime {
		return time.Time{}, fmt.Errorf("%.32q is no date in seconds", value)
	}
	var nanoseconds int64
	if fraction != "" {
		if _, err := digits(fraction[min(9, len(fraction)):]); err != nil {
			return time.Time{}, fmt.Errorf("%.32q is no date in seconds", value)
		}
		if nanoseconds, err = digits((fraction + "000000000")[:9]); err != nil {
			return time.Time{}, fmt.Errorf("%.32q is no date in seconds", value)
		}
	}
	return time.Unix(seconds, nanoseconds).UTC(), nil
}

// digits reads a decimal number and stops counting where no date can be.
func digits(s string) (n int64, err error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("%.32q is no decimal number", s)
		}
		if n <= maxTime {
			n = n*10 + int64(s[i]-'0')
		}
	}
	return n, nil
}

func truth(value string) (bool, error) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("not true or false")
	}
}
