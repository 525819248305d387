package connector

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"
)

// LapseAfter is how long the record of a verified domain may be missing.
const LapseAfter = 7 * 24 * time.Hour

// longestLookup bounds looking up a name.
const longestLookup = 10 * time.Second

// Resolver looks up names; *net.Resolver implements it.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Record is what was found where the TXT record of a domain belongs.
type Record int

// The findings. What the name servers did not answer says nothing about the record.
const (
	RecordUnknown Record = iota
	RecordFound
	RecordOther // others are there
	RecordNone  // there is none at all
)

// Gone reports whether the record is certainly not there.
func (r Record) Gone() bool { return r == RecordOther || r == RecordNone }

// LookFor looks for the record that proves the domain, for ten seconds at most. The error is why
// the finding is RecordUnknown.
func (d Domain) LookFor(ctx context.Context, names Resolver) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, longestLookup)
	defer cancel()
	// With the dot at its end the name is looked up as it is, not in the domains of this machine.
	records, err := names.LookupTXT(ctx, d.ChallengeName()+".")
	missing, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil && slices.ContainsFunc(records, func(s string) bool { return strings.TrimSpace(s) == d.Challenge }):
		return RecordFound, nil
	case err == nil && len(records) > 0:
		return RecordOther, nil
	case err == nil || isDNS && missing.IsNotFound:
		return RecordNone, nil
	}
	return RecordUnknown, err
}
