package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Domains stores the domains that tenants claim.
type Domains interface {
	// ListDomains returns those of a tenant by name.
	ListDomains(ctx context.Context, tenant id.Tenant, p admin.Page) (admin.List[connector.Domain], error)
	FindDomain(ctx context.Context, tenant id.Tenant, domain string) (connector.Domain, error)
	// SaveDomain claims a domain, with all that d says, or edits one that the tenant has claimed: then
	// Challenge and CreatedAt stay, and so does its verification unless verified says otherwise. A
	// domain that another tenant has proven is admin.Conflict("verified", …) when it is to be verified.
	// Replacing a claim with a.Unread is admin.ErrUnread.
	SaveDomain(ctx context.Context, a admin.Act, d connector.Domain, verified *bool) (connector.Domain, error)
	// VerifyDomain marks a claim as proven by its TXT record; errdefs.ErrConflict when another tenant
	// has proven the domain. One that is verified stays as it is.
	VerifyDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) (connector.Domain, error)
	DeleteDomain(ctx context.Context, a admin.Act, tenant id.Tenant, domain string) error
}

// Proofs stores which claim has been proven by its TXT record.
type Proofs interface {
	// FindProof returns it, whoever's it is: nothing of it is told. errdefs.ErrNotFound if there is none.
	FindProof(ctx context.Context, domain string) (connector.Domain, error)
	// MoveProof takes the verification of former away and gives it to the claim of the tenant; else
	// it is as VerifyDomain.
	MoveProof(ctx context.Context, a admin.Act, former connector.Domain, tenant id.Tenant) (connector.Domain, error)
}

// Domain is a domain of e-mail addresses that a tenant claims: people with such an address are its
// people.
type Domain struct {
	Domain         string     `json:"domain" example:"acme.example"`
	TenantID       string     `json:"tenant_id"`
	ConnectorID    string     `json:"connector_id,omitempty" doc:"Where people with such an address sign in. Absent: through any connector of the tenant."`
	ChallengeName  string     `json:"challenge_name" example:"_signet-challenge.acme.example" doc:"The name whose TXT record proves the domain."`
	ChallengeValue string     `json:"challenge_value" doc:"What that record has to say."`
	VerifiedAt     *time.Time `json:"verified_at,omitempty" doc:"Since when the domain is proven; absent: the claim counts for nothing yet."`
	VerifiedBy     string     `json:"verified_by,omitempty" doc:"dns, or the administrator who vouched for it."`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

func domainOf(d connector.Domain) Domain {
	return Domain{
		Domain: d.Name, TenantID: d.Tenant.String(), ConnectorID: d.Connector.String(), ChallengeName: d.ChallengeName(), ChallengeValue: d.Challenge,
		VerifiedAt: moment(d.VerifiedAt), VerifiedBy: d.VerifiedBy, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

// DomainVerification is what became of an attempt to prove a domain.
type DomainVerification struct {
	Verified bool   `json:"verified"`
	Detail   string `json:"detail" doc:"What was found; while the domain is not verified, what to do."`
	Domain   Domain `json:"domain"`
}

// OfDomain is the path of a domain.
type OfDomain struct {
	InTenant
	Domain string `path:"domain" maxLength:"253" example:"acme.example" doc:"The domain, in ASCII or as people write it."`
}

type saveDomain struct {
	OfDomain
	Conditional
	Body struct {
		ConnectorID string `json:"connector_id,omitempty" maxLength:"127" doc:"Reference or identifier of the connector that people with such an address are sent to: one whose people belong to the tenant. Absent: any of them."`
		Verified    *bool  `json:"verified,omitempty" nullable:"true" doc:"Installation administrators only: vouch for the domain without DNS, or take its verification away. Absent: as it is."`
	}
}

func (a *API) domains() {
	const tag = "Domains"
	register(a, operation{ID: "list-domains", Method: http.MethodGet, Path: "/tenants/{tenant}/domains", Tag: tag, Summary: "List the domains that a tenant claims."}, a.listDomains)
	register(a, operation{ID: "get-domain", Method: http.MethodGet, Path: "/tenants/{tenant}/domains/{domain}", Tag: tag, Summary: "Read a claim to a domain."}, a.getDomain)
	register(a, operation{
		ID: "save-domain", Method: http.MethodPut, Path: "/tenants/{tenant}/domains/{domain}", Tag: tag, Summary: "Claim a domain, or say anew where its people sign in.",
		Description: "A claim counts once it is verified. What is claimed already is replaced with If-Match alone.",
	}, a.saveDomain)
	register(a, operation{
		ID: "verify-domain", Method: http.MethodPost, Path: "/tenants/{tenant}/domains/{domain}/verify", Tag: tag, Errors: []int{http.StatusTooManyRequests},
		Summary: "Look for the TXT record that proves a domain.", Description: "One tenant has a domain: the first that proves it, for as long as the record is there. It is looked for about once a day; when it has been gone for a week, or is gone when another tenant proves the domain, the domain is no longer verified.",
	}, a.verifyDomain)
	register(a, operation{
		ID: "delete-domain", Method: http.MethodDelete, Path: "/tenants/{tenant}/domains/{domain}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Release a domain: it leads nowhere any more.",
	}, a.deleteDomain)
}

func (a *API) listDomains(ctx context.Context, actor admin.Actor, in *struct {
	InTenant
	Paging
},
) (*listing[Domain], error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	l, err := a.Domains.ListDomains(ctx, t.ID, in.page())
	return &listing[Domain]{pageOf(l, domainOf)}, err
}

// findDomain finds the tenant and the claim of a path.
func (a *API) findDomain(ctx context.Context, actor admin.Actor, in OfDomain) (directory.Tenant, connector.Domain, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return t, connector.Domain{}, err
	}
	name, err := connector.NormalizeDomain(in.Domain)
	if err != nil {
		return t, connector.Domain{}, errNoSuch
	}
	d, err := a.Domains.FindDomain(ctx, t.ID, name)
	return t, d, err
}

func (a *API) getDomain(ctx context.Context, actor admin.Actor, in *OfDomain) (*single[Domain], error) {
	_, d, err := a.findDomain(ctx, actor, *in)
	return one(d.Version, domainOf(d)), err
}

func (a *API) saveDomain(ctx context.Context, actor admin.Actor, in *saveDomain) (*single[Domain], error) {
	t, err := a.managedTenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	d := connector.Domain{Tenant: t.ID, Challenge: challengePrefix + secret.Generate().Reveal()}
	if d.Name, err = connector.NormalizeDomain(in.Domain); err != nil {
		return nil, admin.Invalid("path.domain", "use a domain such as acme.example")
	}
	if in.Body.Verified != nil && !actor.ManagesAll() {
		return nil, admin.Denied("verified", "is for administrators of the installation alone; prove the domain by its TXT record")
	}
	if d.Connector, err = a.leadsTo(ctx, actor, t.ID, in.Body.ConnectorID); err != nil {
		return nil, err
	}
	detail := map[string]string{"domain": d.Name}
	if !d.Connector.IsZero() {
		detail["connector"] = d.Connector.String()
	}
	if v := in.Body.Verified; v != nil {
		detail["verified"] = strconv.FormatBool(*v)
	}
	act := a.act(ctx, actor, audit.DomainClaimed, t.ID, d.Name, detail)
	if in.IfMatch != "" {
		act.Event.Action = audit.DomainUpdated
	}
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	act.Unread = in.IfMatch == ""
	d, err = a.Domains.SaveDomain(ctx, act, d, in.Body.Verified)
	a.ForgetConnectors()
	return one(d.Version, domainOf(d)), err
}

// challengePrefix says what a TXT record is for to whoever finds it.
const challengePrefix = "signet-domain-verification="

// leadsTo is the connector that people of a domain are sent to; zero for none.
func (a *API) leadsTo(ctx context.Context, actor admin.Actor, tenant id.Tenant, reference string) (id.Connector, error) {
	if reference == "" {
		return id.Connector{}, nil
	}
	c, err := a.connector(ctx, actor, OfConnector{reference})
	if errors.Is(err, errdefs.ErrNotFound) || err == nil && c.Joins != tenant {
		return id.Connector{}, admin.Invalid("connector_id", "there is no such connector whose people belong to the tenant")
	}
	return c.ID, err
}

func (a *API) verifyDomain(ctx context.Context, actor admin.Actor, in *OfDomain) (*plain[DomainVerification], error) {
	t, d, err := a.findDomain(ctx, actor, *in)
	if err == nil {
		err = may(actor.Manages(t.ID))
	}
	if err != nil {
		return nil, err
	}
	if !d.VerifiedAt.IsZero() {
		return &plain[DomainVerification]{DomainVerification{true, "The domain is verified already.", domainOf(d)}}, nil
	}
	if err := a.reachOut(ctx, actor); err != nil {
		return nil, err
	}
	if detail := a.lookFor(ctx, d); detail != "" {
		return &plain[DomainVerification]{DomainVerification{false, detail, domainOf(d)}}, nil
	}
	act := a.act(ctx, actor, audit.DomainVerified, t.ID, d.Name, map[string]string{"domain": d.Name, "by": "dns"})
	verified, err := a.Domains.VerifyDomain(ctx, act, t.ID, d.Name)
	if errors.Is(err, errdefs.ErrConflict) {
		verified, err = a.takeOver(ctx, act, d, err)
	}
	a.ForgetConnectors()
	return &plain[DomainVerification]{DomainVerification{true, "The TXT record was found.", domainOf(verified)}}, err
}

// lookFor looks for the record that proves a domain, and says what is wrong; "" if it is there.
func (a *API) lookFor(ctx context.Context, d connector.Domain) string {
	record, err := d.LookFor(ctx, a.Resolver)
	switch record {
	case connector.RecordFound:
		return ""
	case connector.RecordOther:
		return fmt.Sprintf("%s has TXT records, but none of them says %s. Correct it; name servers may go on giving the former answer for as long as its time to live.", d.ChallengeName(), d.Challenge)
	case connector.RecordNone:
		return fmt.Sprintf("%s has no TXT record yet. Add one that says %s. It can take a while until all name servers know it.", d.ChallengeName(), d.Challenge)
	case connector.RecordUnknown:
	}
	a.Log.WarnContext(ctx, "a domain could not be looked up", "domain", d.Name, "error", err)
	return fmt.Sprintf("The name servers gave no answer about %s. Try again later; if it stays like this, look after them.", d.ChallengeName())
}

// takeOver moves the proof of a domain to the claim d, whose record is there, when that of the tenant
// that has it is gone: the domain changed hands. While it stands the error is refused.
func (a *API) takeOver(ctx context.Context, act admin.Act, d connector.Domain, refused error) (connector.Domain, error) {
	former, err := a.Proofs.FindProof(ctx, d.Name)
	if errors.Is(err, errdefs.ErrNotFound) { // somebody vouched for it
		return d, refused
	}
	if err != nil {
		return d, err
	}
	if record, _ := former.LookFor(ctx, a.Resolver); !record.Gone() {
		return d, refused
	}
	return a.Proofs.MoveProof(ctx, act, former, d.Tenant)
}

func (a *API) deleteDomain(ctx context.Context, actor admin.Actor, in *struct {
	OfDomain
	Conditional
},
) (*none, error) {
	t, d, err := a.findDomain(ctx, actor, in.OfDomain)
	if err == nil {
		err = may(actor.Manages(t.ID))
	}
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.DomainReleased, t.ID, d.Name, map[string]string{"domain": d.Name})
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Domains.DeleteDomain(ctx, act, t.ID, d.Name)
	a.ForgetConnectors()
	return &none{}, err
}
