package app

import (
	"github.com/signet-id/signet/internal/adminapi"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/maillink"
	"github.com/signet-id/signet/internal/secret"
)

// administration is the admin API over this replica's rooms.
func (r *rooms) administration(o Options) *adminapi.API {
	issuer, links := o.Config.Issuer, o.Config.Links
	return adminapi.New(adminapi.Config{
		Callers: r.issuer,
		Audit:   r.recorder,
		Tenants: r.db.Tenants(),

		ResourceServers: r.db.ResourceServers(),
		Permissions:     r.db.ResourceServers(),
		Clients:         r.db.RegisteredClients(),
		ClientSecrets:   r.db.RegisteredClients(),
		Grants:          r.db.GivenGrants(),
		Sessions:        r.db.BegunSessions(),

		Previews:    r.issuer,
		Provenances: r.db.Provenances(),
		TokenBudget: r.issuer.TokenBudget,

		Imports: r.db.Imports(),
		History: r.db.Audit(),

		Users:       r.db.Users(),
		Memberships: r.db.Users(),
		Rules:       r.rules,
		Hasher:      r.hasher,
		Members:     r.db.Members(),
		Roles:       r.db.Roles(),
		Templates:   r.db.Templates(),

		Keeper:   r.keeper,
		Tester:   r.upstreams,
		Resolver: o.names(),

		Ring:      r.ring,
		KeyStore:  r.db.Keys(),
		Rewrapper: r.rewrapper,

		Invitations:     r.db.Invitations(),
		MailLinks:       r.db.MailLinks(),
		Letters:         r.letters,
		Budgets:         r.requests,
		InvitationsADay: o.Config.Throttle.TenantInvitations,
		Links: adminapi.Links{
			Invitation: func(token secret.Text) secret.Text { return interaction.InvitationURL(issuer, token) },
			ToPerson: func(p maillink.Purpose, token secret.Text) secret.Text {
				return interaction.LinkURL(issuer, p, token)
			},
			InvitationLife: links.InvitationTTL, VerifyLife: links.VerificationTTL, ResetLife: links.ResetTTL,
		},

		Connectors: r.db.Connectors(),
		Domains:    r.db.Domains(),
		Proofs:     r.db.Domains(),
		Identities: r.db.LinkedIdentities(),

		ForgetClient:     r.clients.Forget,
		ForgetClients:    r.clients.ForgetAll,
		ForgetUser:       r.subjects.Forget,
		ForgetEverybody:  r.subjects.ForgetAll,
		ForgetConnectors: r.connectors.ForgetAll,

		Algorithms: r.ring.Algorithms,

		Issuer:    o.Config.Issuer,
		SecretMAC: r.ring.MAC("client-secret"),

		Caller: caller,
		Now:    o.Now,
		Log:    o.Log,
	})
}
