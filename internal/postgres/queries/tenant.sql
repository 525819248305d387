-- name: ListTenants :many
SELECT * FROM tenant
 WHERE (@reach_all::boolean OR id = @reach)
   AND (@slug_prefix::text = '' OR starts_with(slug, @slug_prefix))
   AND (created_at, id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY created_at, id
 LIMIT @page;

-- name: FindTenant :one
SELECT * FROM tenant
 WHERE (@reach_all::boolean OR id = @reach) AND (slug = @slug OR id = @id);

-- name: CreateTenant :one
INSERT INTO tenant (id, slug, name, attributes) VALUES (@id, @slug, @name, @attributes)
ON CONFLICT (slug) DO NOTHING RETURNING *;

-- name: LockTenant :one
-- Edits of one tenant, and of who administers it, follow each other.
SELECT * FROM tenant WHERE id = @id FOR NO KEY UPDATE;

-- name: UpdateTenant :one
UPDATE tenant SET slug = @slug, name = @name, attributes = @attributes, only_connectors = @only_connectors,
       disabled_at = @disabled_at, version = version + 1, updated_at = now()
 WHERE id = @id RETURNING *;

-- name: SlugTaken :one
SELECT EXISTS (SELECT 1 FROM tenant WHERE slug = @slug AND id <> @id);

-- name: DeleteInclusions :exec
-- In one statement: with the roles, one by one, what is left would be worked out for each.
DELETE FROM role_inclusion WHERE tenant_id = @tenant_id;

-- name: DeleteTenant :execrows
DELETE FROM tenant WHERE id = @id;

-- name: CopyRoleTemplates :exec
-- The roles that a new tenant starts with.
INSERT INTO role (tenant_id, name, description, template)
SELECT @tenant_id, name, description, name FROM role_template ON CONFLICT DO NOTHING;

-- name: CopyRoleTemplatePermissions :exec
INSERT INTO role_permission (tenant_id, role, audience, permission)
SELECT @tenant_id, p.template, p.audience, p.permission FROM role_template_permission p ON CONFLICT DO NOTHING;

-- name: SpendTenantCodes :exec
-- Waits for redemptions under way, so that what they open is seen by the statement that follows.
UPDATE authorization_code SET consumed_at = now()
 WHERE tenant_id = @tenant_id AND consumed_at IS NULL AND expires_at > now();

-- name: RevokeTenantGrants :many
-- The families of a tenant end and every access token of their grants is void. Grants without a
-- family, of clients that get no refresh tokens, are known by the codes of late.
WITH family AS (
    UPDATE refresh_family f SET revoked_at = now() WHERE f.tenant_id = @tenant_id AND f.revoked_at IS NULL RETURNING f.id
)
SELECT id FROM family
UNION
SELECT c.grant_id FROM authorization_code c
 WHERE c.tenant_id = @tenant_id AND c.expires_at > now() - @keep::interval;

-- name: CutGrants :exec
INSERT INTO revocation (kind, subject, expires_at)
SELECT 'grant', unnest(@subjects::text[]), now() + @keep::interval
ON CONFLICT (kind, subject) DO UPDATE SET expires_at = greatest(revocation.expires_at, excluded.expires_at);
