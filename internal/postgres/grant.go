package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
)

// Grants stores codes, refresh families, consents and cutoffs.
type Grants struct{ db *DB }

// Grants returns the store of what people allowed clients.
func (db *DB) Grants() Grants { return Grants{db} }

// Authorize stores a code under its digest for at most lifetime.
func (s Grants) Authorize(ctx context.Context, code secret.Hash, a grant.Authorization, lifetime time.Duration) error {
	return wrap("store code", s.db.q.InsertCode(ctx, sqlcgen.InsertCodeParams{
		Hash:            code[:],
		GrantID:         a.ID.UUID(),
		TenantID:        a.Tenant.UUID(),
		UserID:          a.User.UUID(),
		ClientID:        string(a.Client),
		SessionID:       a.Session.UUID(),
		Offline:         a.Offline,
		RedirectUri:     a.RedirectURI,
		CodeChallenge:   a.CodeChallenge,
		Nonce:           a.Nonce,
		Scopes:          list(a.Scopes),
		Audiences:       list(a.Audiences),
		Acr:             a.ACR,
		Amr:             list(a.AMR),
		AuthenticatedAt: a.AuthenticatedAt,
		Lifetime:        interval(min(lifetime, grant.MaxCodeLifetime)),
	}))
}

// Redeem spends a code and opens its refresh family in one statement; of any number of
// concurrent callers exactly one succeeds. errdefs.ErrNotFound says that nothing matched:
// ask FindCode why.
func (s Grants) Redeem(ctx context.Context, r grant.Redemption) (grant.Redeemed, error) {
	row, err := s.db.q.RedeemCode(ctx, sqlcgen.RedeemCodeParams{
		Hash:          r.Code[:],
		ClientID:      string(r.Client),
		RedirectUri:   r.RedirectURI,
		CodeChallenge: r.CodeChallenge,
		Idle:          interval(r.Idle),
		Absolute:      interval(r.Absolute),
		OpenFamily:    r.OpenFamily,
		Audiences:     list(r.Audiences),

		KnownTenant: r.Known.Tenant, KnownMembership: r.Known.Membership,
	})
	if err != nil {
		return grant.Redeemed{}, wrap("redeem code", err)
	}
	return grant.Redeemed{
		Authorization: grant.Authorization{
			Grant: grant.Grant{
				ID:              id.GrantFromUUID(row.GrantID),
				Tenant:          id.TenantFromUUID(row.Tenant.ID),
				User:            id.UserFromUUID(row.UserAccount.ID),
				Client:          r.Client,
				Session:         id.SessionFromUUID(row.SessionID),
				Offline:         row.Offline,
				Scopes:          row.Scopes,
				Audiences:       row.Audiences,
				ACR:             row.Acr,
				AMR:             row.Amr,
				AuthenticatedAt: row.AuthenticatedAt,
			},
			RedirectURI:   row.RedirectUri,
			CodeChallenge: r.CodeChallenge,
			Nonce:         row.Nonce,
		},
		Subject: grantedTo(toSubject(row.UserAccount, row.Tenant, row.Member, row.Attributes, row.Roles, row.Permissions), row.AccessVersion, row.Tenant),
	}, nil
}

// FindCode returns a code of the client as it stands; errdefs.ErrNotFound if there is none.
func (s Grants) FindCode(ctx context.Context, code secret.Hash, clientID client.ID) (grant.Code, error) {
	row, err := s.db.q.FindCode(ctx, sqlcgen.FindCodeParams{Hash: code[:], ClientID: string(clientID)})
	if err != nil {
		return grant.Code{}, wrap("find code", err)
	}
	return grant.Code{Grant: id.GrantFromUUID(row.GrantID), Audiences: row.Audiences, Spent: row.Consumed}, nil
}

// Rotate spends a refresh token in one statement. Within the retry window the direct
// predecessor yields the same successor again; anything else is errdefs.ErrNotFound: ask
// FindFamily why.
func (s Grants) Rotate(ctx context.Context, r grant.Rotation) (grant.Rotated, error) {
	row, err := s.db.q.RotateFamily(ctx, sqlcgen.RotateFamilyParams{
		ID:         r.Token.Family.UUID(),
		ClientID:   string(r.Client),
		Generation: int32(r.Token.Generation),
		Idle:       interval(r.Idle),
		Since:      r.Since,
		Retry:      interval(r.Retry),

		KnownTenant: r.Known.Tenant, KnownMembership: r.Known.Membership,
	})
	if err != nil {
		return grant.Rotated{}, wrap("rotate refresh family", err)
	}
	return grant.Rotated{
		Grant: grant.Grant{
			ID:              r.Token.Family,
			Tenant:          id.TenantFromUUID(row.TenantID),
			User:            id.UserFromUUID(row.UserID),
			Client:          r.Client,
			Session:         id.SessionFromUUID(row.SessionID),
			Offline:         row.Offline,
			Scopes:          row.Scopes,
			Audiences:       row.Audiences,
			ACR:             row.Acr,
			AMR:             row.Amr,
			AuthenticatedAt: row.AuthenticatedAt,
		},
		Generation: uint32(row.Generation),
		Retried:    row.Retried,
		Subject:    grantedTo(toSubject(row.UserAccount, row.Tenant, row.Member, row.Attributes, row.Roles, row.Permissions), row.AccessVersion, row.Tenant),
	}, nil
}

// grantedTo adds the version of what a member may do; others hold nothing that could change.
func grantedTo(s directory.Subject, membership int64, t sqlcgen.Tenant) directory.Subject {
	if s.Member {
		s.Access = directory.AccessVersion{Tenant: t.AccessVersion, Membership: membership}
	}
	return s
}

// FindFamily returns a refresh family as it stands; errdefs.ErrNotFound if there is none.
func (s Grants) FindFamily(ctx context.Context, g id.Grant) (grant.Family, error) {
	r, err := s.db.q.FindFamily(ctx, g.UUID())
	if err != nil {
		return grant.Family{}, wrap("find refresh family", err)
	}
	return toFamily(r), nil
}

func toFamily(r sqlcgen.RefreshFamily) grant.Family {
	return grant.Family{
		Grant: grant.Grant{
			ID:              id.GrantFromUUID(r.ID),
			Tenant:          id.TenantFromUUID(r.TenantID),
			User:            id.UserFromUUID(r.UserID),
			Client:          client.ID(r.ClientID),
			Session:         id.SessionFromUUID(r.SessionID),
			Offline:         r.Offline,
			Scopes:          r.Scopes,
			Audiences:       r.Audiences,
			ACR:             r.Acr,
			AMR:             r.Amr,
			AuthenticatedAt: r.AuthenticatedAt,
		},
		Generation: uint32(r.Generation),
		CreatedAt:  r.CreatedAt,
		ExpiresAt:  r.ExpiresAt,
		RotatedAt:  r.RotatedAt,
		RevokedAt:  zeroTime(r.RevokedAt),
	}
}

// RevokeGrant ends the family and makes every access token of the grant void for keep, the
// longest that one of them can still live.
func (s Grants) RevokeGrant(ctx context.Context, g id.Grant, keep time.Duration) error {
	err := s.db.q.RevokeGrant(ctx, sqlcgen.RevokeGrantParams{
		ID: g.UUID(), Subject: g.String(), Keep: interval(keep),
	})
	if err == nil {
		s.db.stored(s.db.cutoff(revocation.Grant, g.String(), keep))
	}
	return wrap("revoke grant", err)
}

// Cut stores a cutoff.
func (s Grants) Cut(ctx context.Context, c revocation.Cutoff) error {
	err := s.db.q.InsertCutoff(ctx, sqlcgen.InsertCutoffParams{
		Kind: string(c.Kind), Subject: c.Subject, ExpiresAt: c.ExpiresAt,
	})
	if err == nil {
		s.db.stored(c)
	}
	return wrap("store cutoff", err)
}

// Void reports whether a cutoff concerns a token with these claims; "" matches nothing.
func (s Grants) Void(ctx context.Context, grantID, sessionID, tokenID string) (bool, error) {
	void, err := s.db.q.AnyCutoff(ctx, sqlcgen.AnyCutoffParams{GrantID: grantID, SessionID: sessionID, TokenID: tokenID})
	return void, wrap("find cutoff", err)
}

// Live calls each with every cutoff that has not expired.
func (s Grants) Live(ctx context.Context, each func(revocation.Cutoff)) error {
	rows, err := s.db.pool.Query(ctx, "SELECT kind, subject, expires_at FROM revocation WHERE expires_at > now()")
	if err != nil {
		return wrap("list cutoffs", err)
	}
	var c revocation.Cutoff
	_, err = pgx.ForEachRow(rows, []any{&c.Kind, &c.Subject, &c.ExpiresAt}, func() error {
		each(c)
		return nil
	})
	return wrap("list cutoffs", err)
}

// FindConsent returns the scopes that the person has allowed the client in the tenant.
func (s Grants) FindConsent(ctx context.Context, tenant id.Tenant, user id.User, clientID client.ID) ([]string, error) {
	scopes, err := findConsent(ctx, s.db.q, tenant, user, clientID)
	return scopes, wrap("find consent", err)
}

// SaveConsent adds scopes to what the person has allowed the client in the tenant.
func (s Grants) SaveConsent(ctx context.Context, tenant id.Tenant, user id.User, clientID client.ID, scopes []string) error {
	return wrap("save consent", s.db.q.SaveConsent(ctx, sqlcgen.SaveConsentParams{
		TenantID: tenant.UUID(), UserID: user.UUID(), ClientID: string(clientID), Scopes: list(scopes),
	}))
}
