package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
	"github.com/signet-id/signet/internal/secret"
)

// RegisteredClients stores client registrations for their administrators. What it returns says who
// owns a secret and since when; digests never leave it but inside of client.Secret.
type RegisteredClients struct{ db *DB }

// RegisteredClients returns the store of registrations.
func (db *DB) RegisteredClients() RegisteredClients { return RegisteredClients{db} }

// List returns the clients within reach, by id and without their secrets. The filter narrows it.
func (s RegisteredClients) List(ctx context.Context, reach admin.Reach, f client.Filter, p admin.Page) (admin.List[client.Client], error) {
	var none admin.List[client.Client]
	after, err := afterText(p)
	if err != nil {
		return none, err
	}
	key := func(c client.Client) any { return textKey{string(c.ID)} }
	tenant := f.Tenant
	switch {
	case reach.All:
	case f.Installation || !tenant.IsZero() && tenant != reach.Tenant || reach.Tenant.IsZero():
		return none, nil
	default:
		tenant = reach.Tenant
	}
	n, beyond := int32(p.Limit+1), beyond(f.Prefix)
	var out []client.Client
	switch {
	case !tenant.IsZero() && f.Installation:
	case !tenant.IsZero():
		var rows []sqlcgen.ListTenantClientsRow
		rows, err = s.db.q.ListTenantClients(ctx, sqlcgen.ListTenantClientsParams{TenantID: nullUUID(tenant.UUID()), After: after, Prefix: f.Prefix, Beyond: beyond, Page: n})
		for _, r := range rows {
			out = append(out, toClient(r.Client, r.TenantSlug, r.TenantDisabled, r.Origins))
		}
	case f.Installation:
		var rows []sqlcgen.ListInstallationClientsRow
		rows, err = s.db.q.ListInstallationClients(ctx, sqlcgen.ListInstallationClientsParams{After: after, Prefix: f.Prefix, Beyond: beyond, Page: n})
		for _, r := range rows {
			out = append(out, toClient(r.Client, r.TenantSlug, r.TenantDisabled, r.Origins))
		}
	default:
		var rows []sqlcgen.ListClientsRow
		rows, err = s.db.q.ListClients(ctx, sqlcgen.ListClientsParams{After: after, Prefix: f.Prefix, Beyond: beyond, Page: n})
		for _, r := range rows {
			out = append(out, toClient(r.Client, r.TenantSlug, r.TenantDisabled, r.Origins))
		}
	}
	if err != nil {
		return none, wrap("list clients", err)
	}
	return limited(out, p.Limit, key), nil
}

// beyond returns what stands, in the order of bytes, behind every printable ASCII text that begins
// with prefix.
func beyond(prefix string) string { return prefix + "\x7f" }

// Find returns a registration with all its secrets, expired ones too; errdefs.ErrNotFound if there
// is none within reach.
func (s RegisteredClients) Find(ctx context.Context, reach admin.Reach, c client.ID) (client.Client, error) {
	out, err := readClient(ctx, s.db.q, reach, c)
	return out, wrap("find client", err)
}

func readClient(ctx context.Context, q *sqlcgen.Queries, reach admin.Reach, c client.ID) (client.Client, error) {
	r, err := q.ReadClient(ctx, sqlcgen.ReadClientParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: string(c)})
	if err != nil {
		return client.Client{}, err
	}
	out := toClient(r.Client, r.TenantSlug, r.TenantDisabled, r.Origins)
	secrets, err := q.ListClientSecrets(ctx, string(c))
	for _, row := range secrets {
		if len(row.Hash) == len(secret.Hash{}) {
			out.Secrets = append(out.Secrets, client.Secret{
				ID: id.ClientSecretFromUUID(row.ID), Hash: secret.Hash(row.Hash), CreatedAt: row.CreatedAt, CreatedBy: row.CreatedBy,
				ExpiresAt: zeroTime(row.ExpiresAt),
			})
		}
	}
	return out, err
}

// lockClient returns the registration under a lock, if the actor may change it.
func lockClient(ctx context.Context, q *sqlcgen.Queries, a admin.Act, c client.ID) (client.Client, error) {
	reach := a.Actor.ManageReach()
	if _, err := q.LockClient(ctx, sqlcgen.LockClientParams{ReachAll: reach.All, Reach: nullUUID(reach.Tenant.UUID()), ID: string(c)}); err != nil {
		return client.Client{}, err
	}
	out, err := readClient(ctx, q, reach, c)
	if err == nil && a.IfVersion != 0 && a.IfVersion != out.Version {
		err = admin.ErrVersion
	}
	return out, err
}

// Create stores a registration with its first secrets. An id that is taken, and an audience that
// is not the client's to use, are refused by their field.
func (s RegisteredClients) Create(ctx context.Context, a admin.Act, c client.Client) (created client.Client, replayed bool, err error) {
	if !a.Actor.ManageReach().Sees(c.Tenant) {
		return client.Client{}, false, errNothing
	}
	reference, replayed, err := s.db.act(ctx, "create client", a, func(q *sqlcgen.Queries) (string, error) {
		if err := checkAudiences(ctx, q, client.Client{}, c); err != nil {
			return "", err
		}
		n, err := q.CreateClient(ctx, sqlcgen.CreateClientParams{
			ID: string(c.ID), TenantID: nullUUID(c.Tenant.UUID()), Name: c.Name, AuthMethod: string(c.AuthMethod),
			RedirectUris: list(c.RedirectURIs), PostLogoutRedirectUris: list(c.PostLogoutRedirectURIs), GrantTypes: list(c.GrantTypes),
			Scopes: list(c.Scopes), Audiences: list(c.Audiences), ServesAudience: c.ServesAudience, PkceOptional: c.PKCEOptional,
			SkipConsent: c.SkipConsent, IDTokenAlgorithm: string(c.IDTokenAlgorithm), AccessTokenSeconds: int32(c.AccessTokenLifetime / time.Second),
			PolicyUri: c.PolicyURI, TermsUri: c.TermsURI, Claims: array(c.Claims), DisabledAt: nullTime(c.DisabledAt),
		})
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", admin.Conflict("id", "another client has it; choose another one, or leave it out and get one made")
		}
		if err := q.SetClientOrigins(ctx, sqlcgen.SetClientOriginsParams{ClientID: string(c.ID), Origins: list(c.Origins)}); err != nil {
			return "", err
		}
		for _, secret := range c.Secrets {
			if err := insertSecret(ctx, q, c.ID, secret); err != nil {
				return "", err
			}
		}
		created, err = readClient(ctx, q, admin.Reach{All: true}, c.ID)
		return string(c.ID), err
	})
	if err == nil && replayed {
		created, err = s.Find(ctx, a.Actor.ManageReach(), client.ID(reference))
	}
	return created, replayed, err
}

// Update edits a registration. edit changes what it is given, which is read under a lock; it may
// refuse. What was issued to a client that is disabled stays void; one that becomes public has no
// secrets any more.
func (s RegisteredClients) Update(ctx context.Context, a admin.Act, c client.ID, edit func(*client.Client) error) (client.Client, error) {
	var out client.Client
	_, _, err := s.db.act(ctx, "update client", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockClient(ctx, q, a, c)
		if err != nil {
			return "", err
		}
		now := was
		if err := edit(&now); err != nil {
			return "", err
		}
		if err := checkAudiences(ctx, q, was, now); err != nil {
			return "", err
		}
		err = q.UpdateClient(ctx, sqlcgen.UpdateClientParams{
			ID: string(c), Name: now.Name, AuthMethod: string(now.AuthMethod),
			RedirectUris: list(now.RedirectURIs), PostLogoutRedirectUris: list(now.PostLogoutRedirectURIs), GrantTypes: list(now.GrantTypes),
			Scopes: list(now.Scopes), Audiences: list(now.Audiences), ServesAudience: now.ServesAudience, PkceOptional: now.PKCEOptional,
			SkipConsent: now.SkipConsent, IDTokenAlgorithm: string(now.IDTokenAlgorithm), AccessTokenSeconds: int32(now.AccessTokenLifetime / time.Second),
			PolicyUri: now.PolicyURI, TermsUri: now.TermsURI, Claims: array(now.Claims), DisabledAt: nullTime(now.DisabledAt),
		})
		if err == nil && !slices.Equal(was.Origins, now.Origins) {
			err = q.SetClientOrigins(ctx, sqlcgen.SetClientOriginsParams{ClientID: string(c), Origins: list(now.Origins)})
		}
		if err == nil && now.Public() {
			err = q.DeleteClientSecrets(ctx, string(c))
		}
		if err == nil && was.DisabledAt.IsZero() && !now.DisabledAt.IsZero() {
			err = q.SpendClientCodes(ctx, string(c))
		}
		if err == nil {
			out, err = readClient(ctx, q, admin.Reach{All: true}, c)
		}
		return string(c), err
	})
	return out, err
}

// Delete removes a registration. What was issued to it is void, also when its id is used again.
func (s RegisteredClients) Delete(ctx context.Context, a admin.Act, c client.ID) error {
	_, _, err := s.db.act(ctx, "delete client", a, func(q *sqlcgen.Queries) (string, error) {
		if _, err := lockClient(ctx, q, a, c); err != nil {
			return "", err
		}
		if err := q.SpendClientCodes(ctx, string(c)); err != nil {
			return "", err
		}
		return string(c), q.DeleteClient(ctx, string(c))
	})
	return err
}

// checkAudiences refuses audiences that a client does not have yet and may not get: those of no
// resource server, and for a tenant's client those of other tenants. Such a client can be a
// resource server of its own tenant alone, since introspection tells it about everybody's tokens.
func checkAudiences(ctx context.Context, q *sqlcgen.Queries, was, now client.Client) error {
	tenant := nullUUID(now.Tenant.UUID())
	known, err := q.KnownAudiences(ctx, sqlcgen.KnownAudiencesParams{Audiences: list(now.Audiences), TenantID: tenant})
	if err != nil {
		return err
	}
	for i, audience := range now.Audiences {
		if !slices.Contains(known, audience) && !slices.Contains(was.Audiences, audience) {
			return admin.Invalid("audiences["+strconv.Itoa(i)+"]", "no resource server that this client may use has this audience")
		}
	}
	if now.ServesAudience == "" || now.ServesAudience == was.ServesAudience {
		return nil
	}
	own, err := q.OwnAudience(ctx, sqlcgen.OwnAudienceParams{Audience: now.ServesAudience, TenantID: tenant})
	if err == nil && (!own || now.ServesAudience == admin.Audience) {
		err = admin.Invalid("serves_audience", "no resource server that this client may be has this audience")
	}
	return err
}

func insertSecret(ctx context.Context, q *sqlcgen.Queries, c client.ID, s client.Secret) error {
	n, err := q.InsertClientSecret(ctx, sqlcgen.InsertClientSecretParams{
		ID: s.ID.UUID(), ClientID: string(c), Hash: s.Hash[:], ExpiresAt: nullTime(s.ExpiresAt),
	})
	if err == nil && n == 0 {
		err = admin.Conflict("secret", "the client has this secret already")
	}
	return err
}

// AddSecret gives a client one more secret; of those valid at a.Event.At there are at most
// client.MaxSecrets. The others end at previous, unless it is zero. It returns the id of the
// secret, which is that of an earlier attempt when replayed.
func (s RegisteredClients) AddSecret(ctx context.Context, a admin.Act, c client.ID, added client.Secret, previous time.Time) (made id.ClientSecret, replayed bool, err error) {
	reference, replayed, err := s.db.act(ctx, "add client secret", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockClient(ctx, q, a, c)
		switch {
		case err != nil:
			return "", err
		case was.Public():
			return "", errdefs.Say(errdefs.ErrConflict, nil, "This client is public: it has no secret. Give it another auth_method first.")
		}
		if err := q.DeleteDeadClientSecrets(ctx, string(c)); err != nil {
			return "", err
		}
		if was.ValidSecrets(a.Event.At) >= client.MaxSecrets {
			return "", errdefs.Say(errdefs.ErrConflict, nil, "Two secrets are valid already, which is enough for a rotation. Delete the old one first.")
		}
		if !previous.IsZero() {
			if err := q.ExpireClientSecrets(ctx, sqlcgen.ExpireClientSecretsParams{ClientID: string(c), ExpiresAt: &previous}); err != nil {
				return "", err
			}
		}
		if err := insertSecret(ctx, q, c, added); err != nil {
			return "", err
		}
		_, err = q.TouchClient(ctx, string(c))
		return added.ID.String(), err
	})
	if err != nil {
		return made, replayed, err
	}
	made, err = id.ParseClientSecret(reference)
	return made, replayed, err
}

// DeleteSecret removes a secret, but not the last valid one of a client that needs one.
func (s RegisteredClients) DeleteSecret(ctx context.Context, a admin.Act, c client.ID, gone id.ClientSecret) error {
	_, _, err := s.db.act(ctx, "delete client secret", a, func(q *sqlcgen.Queries) (string, error) {
		was, err := lockClient(ctx, q, a, c)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(was.Secrets, func(s client.Secret) bool { return s.ID == gone })
		switch {
		case i < 0:
			return "", errNothing
		case was.Secrets[i].Valid(a.Event.At) && was.ValidSecrets(a.Event.At) == 1 && was.DisabledAt.IsZero():
			return "", errdefs.Say(errdefs.ErrConflict, nil, "This is the last secret of the client. Add another one first, or disable the client.")
		}
		n, err := q.DeleteClientSecret(ctx, sqlcgen.DeleteClientSecretParams{ClientID: string(c), ID: gone.UUID()})
		if err == nil {
			err = changed(n)
		}
		if err == nil {
			_, err = q.TouchClient(ctx, string(c))
		}
		return gone.String(), err
	})
	return err
}
