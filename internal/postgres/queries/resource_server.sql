-- name: ListResourceServers :many
-- In the order of bytes: prefix and beyond are the bounds of what begins alike.
SELECT * FROM resource_server
 WHERE audience COLLATE "C" > @after AND audience COLLATE "C" >= @prefix AND audience COLLATE "C" < @beyond
 ORDER BY audience COLLATE "C"
 LIMIT @page;

-- name: ListOwnResourceServers :many
SELECT * FROM resource_server
 WHERE tenant_id = @tenant_id AND audience COLLATE "C" > @after AND audience COLLATE "C" >= @prefix AND audience COLLATE "C" < @beyond
 ORDER BY audience COLLATE "C"
 LIMIT @page;

-- name: ListInstallationResourceServers :many
SELECT * FROM resource_server
 WHERE tenant_id IS NULL AND audience COLLATE "C" > @after AND audience COLLATE "C" >= @prefix AND audience COLLATE "C" < @beyond
 ORDER BY audience COLLATE "C"
 LIMIT @page;

-- name: ReadResourceServer :one
SELECT * FROM resource_server
 WHERE (@reach_all::boolean OR tenant_id IS NULL OR tenant_id = @reach) AND id = @id;

-- name: LockResourceServer :one
-- Of those alone that somebody may change: edits of one follow each other.
SELECT * FROM resource_server
 WHERE (@reach_all::boolean OR tenant_id = @reach) AND id = @id FOR NO KEY UPDATE;

-- name: CreateResourceServer :one
INSERT INTO resource_server (id, audience, name, tenant_id, claims, signing_algorithm)
VALUES (@id, @audience, @name, @tenant_id, @claims, @signing_algorithm)
ON CONFLICT (audience) DO NOTHING RETURNING *;

-- name: UpdateResourceServer :one
UPDATE resource_server SET name = @name, claims = @claims, signing_algorithm = @signing_algorithm, version = version + 1, updated_at = now()
 WHERE id = @id RETURNING *;

-- name: TouchResourceServer :one
UPDATE resource_server SET version = version + 1, updated_at = now() WHERE id = @id RETURNING *;

-- name: DeleteResourceServer :exec
DELETE FROM resource_server WHERE id = @id;

-- name: ListPermissions :many
SELECT * FROM permission WHERE audience = @audience AND slug > @after ORDER BY slug LIMIT @page;

-- name: CountPermissions :one
SELECT count(*) FROM permission WHERE audience = @audience;

-- name: SavePermission :one
INSERT INTO permission (audience, slug, description) VALUES (@audience, @slug, @description)
ON CONFLICT (audience, slug) DO UPDATE SET description = excluded.description
RETURNING (xmax = 0)::boolean AS fresh;

-- name: DeletePermission :execrows
DELETE FROM permission WHERE audience = @audience AND slug = @slug;

-- name: LockPermissions :exec
-- Whoever gives one of them to a role meanwhile waits, or is seen.
SELECT 1 FROM permission WHERE audience = @audience AND (@slug::text = '' OR slug = @slug) FOR UPDATE;

-- name: PermissionInUse :one
-- By a role or by a template of roles; "" stands for any permission of the audience.
SELECT (EXISTS (SELECT 1 FROM role_permission r WHERE r.audience = @audience AND (@slug::text = '' OR r.permission = @slug))
     OR EXISTS (SELECT 1 FROM role_template_permission t WHERE t.audience = @audience AND (@slug::text = '' OR t.permission = @slug)))::boolean;

-- name: LockClientsOfAudience :many
SELECT id FROM client WHERE @audience::text = ANY (audiences) OR serves_audience = @audience ORDER BY id FOR NO KEY UPDATE;
