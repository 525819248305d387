-- name: FindConnector :one
-- A connector of a tenant that is disabled is disabled.
SELECT sqlc.embed(c), own.disabled_at AS tenant_disabled_at
  FROM connector c LEFT JOIN tenant own ON own.id = c.tenant_id
 WHERE c.reference = @reference;

-- name: ListConnectorsOfTenant :many
-- The enabled ones whose people belong to the tenant, its own first.
SELECT c.* FROM connector c JOIN tenant t ON t.id = @tenant_id::uuid AND t.disabled_at IS NULL
 WHERE (c.tenant_id = t.id OR c.joins_tenant_id = t.id) AND c.disabled_at IS NULL
 ORDER BY c.tenant_id IS NULL, c.created_at, c.id;

-- name: ListInstallationConnectors :many
SELECT * FROM connector WHERE tenant_id IS NULL AND disabled_at IS NULL ORDER BY created_at, id;

-- name: FindRealm :one
SELECT sqlc.embed(d), t.name, t.only_connectors FROM tenant_domain d JOIN tenant t ON t.id = d.tenant_id
 WHERE d.domain = @domain AND d.verified_at IS NOT NULL AND t.disabled_at IS NULL;

-- name: HasRealms :one
SELECT EXISTS (SELECT 1 FROM tenant_domain WHERE verified_at IS NOT NULL);

-- name: ListConnectors :many
SELECT * FROM connector
 WHERE (@reach_all::boolean OR tenant_id = @reach OR joins_tenant_id = @reach)
   AND (sqlc.narg(tenant_id)::uuid IS NULL OR tenant_id = sqlc.narg(tenant_id)::uuid OR joins_tenant_id = sqlc.narg(tenant_id)::uuid)
   AND (created_at, id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY created_at, id
 LIMIT @page;

-- name: ReadConnector :one
SELECT * FROM connector
 WHERE (@reach_all::boolean OR tenant_id = @reach OR joins_tenant_id = @reach) AND (reference = @reference OR id = @id);

-- name: LockConnector :one
-- Of those alone that somebody may change. People who come through it are waited for.
SELECT * FROM connector WHERE (@reach_all::boolean OR tenant_id = @reach) AND id = @id FOR UPDATE;

-- name: CountConnectors :one
SELECT count(*) FROM connector WHERE tenant_id = @tenant_id::uuid;

-- name: CreateConnector :one
INSERT INTO connector (id, reference, slug, tenant_id, joins_tenant_id, kind, name, issuer, client_id, sealed_secret, scopes,
                       hosted_domains, assume_verified, authoritative, provision, default_roles, groups_claim, role_mappings,
                       keep_tokens, hidden, disabled_at)
VALUES (@id, @reference, @slug, @tenant_id, @joins_tenant_id, @kind, @name, @issuer, @client_id, @sealed_secret, @scopes,
        @hosted_domains, @assume_verified, @authoritative, @provision, @default_roles, @groups_claim, @role_mappings,
        @keep_tokens, @hidden, @disabled_at)
ON CONFLICT DO NOTHING RETURNING *;

-- name: UpdateConnector :one
UPDATE connector
   SET joins_tenant_id = @joins_tenant_id, kind = @kind, name = @name, issuer = @issuer, client_id = @client_id,
       sealed_secret = @sealed_secret, scopes = @scopes, hosted_domains = @hosted_domains, assume_verified = @assume_verified,
       authoritative = @authoritative, provision = @provision, default_roles = @default_roles, groups_claim = @groups_claim,
       role_mappings = @role_mappings, keep_tokens = @keep_tokens, hidden = @hidden, disabled_at = @disabled_at,
       version = version + 1, updated_at = now()
 WHERE id = @id RETURNING *;

-- name: ConnectorInUse :one
SELECT EXISTS (SELECT 1 FROM identity WHERE connector_id = @id::uuid) AS linked,
       EXISTS (SELECT 1 FROM tenant_domain WHERE connector_id = @id::uuid) AS led_to;

-- name: DeleteConnector :exec
-- Waits for sessions that begin through it, so that the statements that follow see them.
DELETE FROM connector WHERE id = @id;

-- name: ListSessionsOfConnector :many
SELECT id FROM browser_session WHERE connector_id = @connector_id AND ended_at IS NULL;

-- name: TakeConnectorRoles :exec
-- The roles that its identities gave, unless an identity elsewhere gives them too.
WITH mine AS (
    DELETE FROM identity_role g USING identity i
     WHERE i.id = g.identity_id AND i.connector_id = @connector_id
    RETURNING g.tenant_id, g.user_id, g.role
)
DELETE FROM membership_role m USING mine
 WHERE m.tenant_id = mine.tenant_id AND m.user_id = mine.user_id AND m.role = mine.role
   AND NOT EXISTS (SELECT 1 FROM identity_role o JOIN identity i ON i.id = o.identity_id
                    WHERE o.tenant_id = mine.tenant_id AND o.user_id = mine.user_id AND o.role = mine.role
                      AND i.connector_id <> @connector_id);

-- name: ForgetTokens :exec
UPDATE identity SET sealed_tokens = NULL WHERE connector_id = @connector_id AND sealed_tokens IS NOT NULL;

-- name: LeadElsewhere :exec
-- Domains of tenants that the people of a connector do not belong to do not lead to it.
UPDATE tenant_domain SET connector_id = NULL, version = version + 1, updated_at = now()
 WHERE connector_id = @connector_id AND tenant_id <> @joins;

-- name: CanEnter :one
-- Whether a tenant that is entered through its connectors alone has one.
SELECT (NOT t.only_connectors OR EXISTS (
        SELECT 1 FROM connector c WHERE (c.tenant_id = t.id OR c.joins_tenant_id = t.id) AND c.disabled_at IS NULL))::boolean AS can
  FROM tenant t WHERE t.id = @tenant_id;

-- name: ListDomains :many
SELECT * FROM tenant_domain WHERE tenant_id = @tenant_id AND domain > @after ORDER BY domain LIMIT @page;

-- name: FindDomain :one
SELECT * FROM tenant_domain WHERE tenant_id = @tenant_id AND domain = @domain;

-- name: CountDomains :one
SELECT count(*) FROM tenant_domain WHERE tenant_id = @tenant_id;

-- name: Serves :one
-- Whether people of the connector belong to the tenant.
SELECT EXISTS (SELECT 1 FROM connector c WHERE c.id = @id AND (c.tenant_id = @tenant_id::uuid OR c.joins_tenant_id = @tenant_id::uuid));

-- name: SaveDomain :one
-- verified: null leaves it as it is.
INSERT INTO tenant_domain (tenant_id, domain, connector_id, challenge, verified_at, verified_by)
VALUES (@tenant_id, @domain, @connector_id, @challenge,
        CASE WHEN sqlc.narg(verified)::boolean THEN now() END, CASE WHEN sqlc.narg(verified)::boolean THEN signet_actor() ELSE '' END)
ON CONFLICT (tenant_id, domain) DO UPDATE SET
    connector_id = excluded.connector_id, version = tenant_domain.version + 1, updated_at = now(),
    verified_at = CASE WHEN sqlc.narg(verified)::boolean THEN coalesce(tenant_domain.verified_at, now())
                       WHEN NOT sqlc.narg(verified)::boolean THEN NULL ELSE tenant_domain.verified_at END,
    verified_by = CASE WHEN sqlc.narg(verified)::boolean AND tenant_domain.verified_at IS NULL THEN signet_actor()
                       WHEN NOT sqlc.narg(verified)::boolean THEN '' ELSE tenant_domain.verified_by END
RETURNING *;

-- name: VerifyDomain :one
UPDATE tenant_domain
   SET verified_at = now(), verified_by = 'dns', checked_at = NULL, missing_since = NULL, version = version + 1, updated_at = now()
 WHERE tenant_id = @tenant_id AND domain = @domain RETURNING *;

-- name: FindProvenDomain :one
-- The claim that a record proved, whoever's it is.
SELECT * FROM tenant_domain WHERE domain = @domain AND verified_at IS NOT NULL AND verified_by = 'dns';

-- name: TakeDueDomains :many
-- Marks domains whose record is to be looked for, so that no other replica takes them too.
WITH due AS (
    SELECT t.tenant_id, t.domain FROM tenant_domain t
     WHERE t.verified_by = 'dns' AND t.verified_at IS NOT NULL AND coalesce(t.checked_at, t.verified_at) <= @due::timestamptz
     ORDER BY coalesce(t.checked_at, t.verified_at) LIMIT @page FOR UPDATE SKIP LOCKED
)
UPDATE tenant_domain d SET checked_at = @now FROM due
 WHERE d.tenant_id = due.tenant_id AND d.domain = due.domain
RETURNING d.*;

-- name: SetDomainFound :exec
UPDATE tenant_domain SET missing_since = NULL
 WHERE tenant_id = @tenant_id AND domain = @domain AND challenge = @challenge AND missing_since IS NOT NULL;

-- name: SetDomainMissing :exec
UPDATE tenant_domain SET missing_since = @now
 WHERE tenant_id = @tenant_id AND domain = @domain AND challenge = @challenge AND verified_by = 'dns' AND missing_since IS NULL;

-- name: LapseDomain :execrows
-- Only what a record proved, and only while it is the claim that was looked at. gone_since: the latest moment
-- since which the record has to be missing; null when it does not matter for how long.
UPDATE tenant_domain
   SET verified_at = NULL, verified_by = '', checked_at = NULL, missing_since = NULL, version = version + 1, updated_at = now()
 WHERE tenant_id = @tenant_id AND domain = @domain AND challenge = @challenge AND verified_by = 'dns'
   AND (sqlc.narg(gone_since)::timestamptz IS NULL OR missing_since <= sqlc.narg(gone_since)::timestamptz);

-- name: DeleteDomain :execrows
DELETE FROM tenant_domain WHERE tenant_id = @tenant_id AND domain = @domain;

-- name: ListIdentitiesOf :many
SELECT sqlc.embed(i), c.name, c.kind, (c.disabled_at IS NULL AND own.disabled_at IS NULL)::boolean AS enabled
  FROM identity i
  JOIN connector c ON c.id = i.connector_id
  LEFT JOIN tenant own ON own.id = c.tenant_id
 WHERE (@reach_all::boolean OR c.tenant_id = @reach) AND i.user_id = @user_id
   AND (i.linked_at, i.id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY i.linked_at, i.id
 LIMIT @page;

-- name: ListIdentitiesAt :many
SELECT sqlc.embed(i), c.name, c.kind, (c.disabled_at IS NULL AND own.disabled_at IS NULL)::boolean AS enabled
  FROM identity i
  JOIN connector c ON c.id = i.connector_id
  LEFT JOIN tenant own ON own.id = c.tenant_id
 WHERE (@reach_all::boolean OR c.tenant_id = @reach) AND i.connector_id = @connector_id
   AND (i.linked_at, i.id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY i.linked_at, i.id
 LIMIT @page;

-- name: ReadIdentity :one
SELECT sqlc.embed(i), c.name, c.kind, (c.disabled_at IS NULL AND own.disabled_at IS NULL)::boolean AS enabled
  FROM identity i
  JOIN connector c ON c.id = i.connector_id
  LEFT JOIN tenant own ON own.id = c.tenant_id
 WHERE (@reach_all::boolean OR c.tenant_id = @reach) AND i.user_id = @user_id AND i.id = @id;
