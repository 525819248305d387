package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// Clients stores client registrations.
type Clients struct {
	db *DB
	q  *sqlcgen.Queries
}

// Clients returns the store of client registrations.
func (db *DB) Clients() Clients { return Clients{db, db.q} }

// FindClient returns a registration with its valid secrets; errdefs.ErrNotFound if there is
// none.
func (s Clients) FindClient(ctx context.Context, clientID client.ID) (client.Client, error) {
	row, err := s.q.FindClient(ctx, string(clientID))
	if err != nil {
		return client.Client{}, wrap("find client", err)
	}
	c := toClient(row.Client, row.TenantSlug, row.TenantDisabled, row.Origins)
	for i, h := range row.SecretHashes {
		if len(h) == len(secret.Hash{}) {
			c.Secrets = append(c.Secrets, client.Secret{Hash: secret.Hash(h), ExpiresAt: row.SecretExpiries[i]})
		}
	}
	var declarations []claims.Declaration
	if err := json.Unmarshal(row.Declarations, &declarations); err != nil {
		return client.Client{}, fmt.Errorf("read declared claims of client %s: %w", clientID, err)
	}
	c.Declare(s.db.templates, declarations)
	if err := json.Unmarshal(row.TokenAlgorithms, &c.TokenAlgorithms); err != nil {
		return client.Client{}, fmt.Errorf("read algorithms of the resource servers of client %s: %w", clientID, err)
	}
	return c, nil
}

func toClient(row sqlcgen.Client, tenantSlug string, tenantDisabled bool, origins []string) client.Client {
	c := client.Client{
		ID:                     client.ID(row.ID),
		Name:                   row.Name,
		AuthMethod:             client.AuthMethod(row.AuthMethod),
		RedirectURIs:           row.RedirectUris,
		PostLogoutRedirectURIs: row.PostLogoutRedirectUris,
		Origins:                origins,
		GrantTypes:             row.GrantTypes,
		Scopes:                 row.Scopes,
		Audiences:              row.Audiences,
		ServesAudience:         row.ServesAudience,
		TenantSlug:             tenantSlug,
		TenantDisabled:         tenantDisabled,
		PKCEOptional:           row.PkceOptional,
		SkipConsent:            row.SkipConsent,
		IDTokenAlgorithm:       keys.Algorithm(row.IDTokenAlgorithm),
		AccessTokenLifetime:    time.Duration(row.AccessTokenSeconds) * time.Second,
		PolicyURI:              row.PolicyUri,
		TermsURI:               row.TermsUri,
		Claims:                 row.Claims,
		Version:                row.Version,
		CreatedAt:              row.CreatedAt,
		UpdatedAt:              row.UpdatedAt,
		DisabledAt:             zeroTime(row.DisabledAt),
		ValidFrom:              row.ValidFrom,
	}
	if row.TenantID != nil {
		c.Tenant = id.TenantFromUUID(*row.TenantID)
	}
	return c
}

// OriginRegistered reports whether any client registered the origin for CORS.
func (s Clients) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	ok, err := s.q.OriginRegistered(ctx, origin)
	return ok, wrap("find origin", err)
}

// saveClient inserts or replaces a registration; secrets are added, never removed.
func saveClient(ctx context.Context, q *sqlcgen.Queries, c client.Client) error {
	err := q.UpsertClient(ctx, sqlcgen.UpsertClientParams{
		ID:                     string(c.ID),
		TenantID:               nullUUID(c.Tenant.UUID()),
		Name:                   c.Name,
		AuthMethod:             string(c.AuthMethod),
		RedirectUris:           list(c.RedirectURIs),
		PostLogoutRedirectUris: list(c.PostLogoutRedirectURIs),
		GrantTypes:             list(c.GrantTypes),
		Scopes:                 list(c.Scopes),
		Audiences:              list(c.Audiences),
		ServesAudience:         c.ServesAudience,
		PkceOptional:           c.PKCEOptional,
		SkipConsent:            c.SkipConsent,
		IDTokenAlgorithm:       string(c.IDTokenAlgorithm),
		AccessTokenSeconds:     int32(c.AccessTokenLifetime / time.Second),
		PolicyUri:              c.PolicyURI,
		TermsUri:               c.TermsURI,
	})
	if err != nil {
		return err
	}
	if err := q.SetClientOrigins(ctx, sqlcgen.SetClientOriginsParams{ClientID: string(c.ID), Origins: list(c.Origins)}); err != nil {
		return err
	}
	for _, s := range c.Secrets {
		err := q.AddClientSecret(ctx, sqlcgen.AddClientSecretParams{
			ClientID: string(c.ID), Hash: slices.Clone(s.Hash[:]), ExpiresAt: nullTime(s.ExpiresAt),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list keeps an absent list from becoming NULL.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
