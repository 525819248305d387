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
