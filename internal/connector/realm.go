package connector

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

// Domain is one that a tenant claims: people with an address in it are its people.
type Domain struct {
	Tenant     id.Tenant
	Name       string       // normalized
	Connector  id.Connector // where its people are sent; zero: nowhere
	Challenge  string       // what the TXT record of ChallengeName has to say
	VerifiedAt time.Time    // zero: the claim counts for nothing yet
	VerifiedBy string       // "dns", "usr_…" or a client id
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
}

// ChallengeName is the name whose TXT record proves the domain.
func (d Domain) ChallengeName() string { return "_signet-challenge." + d.Name }

// Realm is where the addresses of a verified domain lead.
type Realm struct {
	Domain         string
	Tenant         id.Tenant
	TenantName     string
	OnlyConnectors bool        // passwords are refused
	Connectors     []Connector // enabled: the domain's own alone, or else those of the tenant
}

// NormalizeDomain returns the form in which domains are compared: lower case, in ASCII, with at
// least two labels. Letters that look alike stay different letters (RFC 5891 §4). The error is
// errdefs.ErrInvalid.
func NormalizeDomain(s string) (string, error) {
	bad := fmt.Errorf("domain: %w", errdefs.ErrInvalid)
	d, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSpace(s)))
	if err != nil || len(d) > 253 || !strings.Contains(d, ".") || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") {
		return "", bad
	}
	if _, err := netip.ParseAddr(d); err == nil {
		return "", bad
	}
	return d, nil
}

// DomainOf returns the normalized domain of an address.
func DomainOf(address string) (string, error) {
	normalized, err := directory.NormalizeEmail(address)
	if err != nil {
		return "", err
	}
	return NormalizeDomain(normalized[strings.LastIndexByte(normalized, '@')+1:])
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
