-- name: ListRoles :many
SELECT sqlc.embed(r),
       coalesce((SELECT array_agg(p.audience || ' ' || p.permission ORDER BY p.audience COLLATE "C", p.permission COLLATE "C")
                   FROM role_permission p WHERE p.tenant_id = r.tenant_id AND p.role = r.name), '{}')::text[] AS permissions,
       coalesce((SELECT array_agg(i.includes ORDER BY i.includes COLLATE "C")
                   FROM role_inclusion i WHERE i.tenant_id = r.tenant_id AND i.role = r.name), '{}')::text[] AS includes
  FROM role r
 WHERE (@reach_all::boolean OR r.tenant_id = @reach::uuid) AND r.tenant_id = @tenant_id AND r.name > @after_name
 ORDER BY r.name
 LIMIT @page;

-- name: FindRole :one
SELECT sqlc.embed(r),
       coalesce((SELECT array_agg(p.audience || ' ' || p.permission ORDER BY p.audience COLLATE "C", p.permission COLLATE "C")
                   FROM role_permission p WHERE p.tenant_id = r.tenant_id AND p.role = r.name), '{}')::text[] AS permissions,
       coalesce((SELECT array_agg(i.includes ORDER BY i.includes COLLATE "C")
                   FROM role_inclusion i WHERE i.tenant_id = r.tenant_id AND i.role = r.name), '{}')::text[] AS includes
  FROM role r
 WHERE (@reach_all::boolean OR r.tenant_id = @reach::uuid) AND r.tenant_id = @tenant_id AND r.name = @name;

-- name: CountRoles :one
SELECT count(*) FROM role WHERE tenant_id = @tenant_id;

-- name: ExistingRoles :many
SELECT name FROM role WHERE tenant_id = @tenant_id AND name = ANY(@names::text[]);

-- name: RolesReaching :many
-- Which of the names is the role, or includes it directly or through others.
SELECT DISTINCT rr.role FROM role_reach rr
 WHERE rr.tenant_id = @tenant_id AND rr.role = ANY(@names::text[]) AND rr.reaches = @role;

-- name: GrantablePermissions :many
-- Those of the named ones that a role of the tenant may hold.
SELECT p.audience, p.slug
  FROM unnest(@audiences::text[]) WITH ORDINALITY AS a(audience, n)
  JOIN unnest(@slugs::text[]) WITH ORDINALITY AS s(slug, n) USING (n)
  JOIN permission p ON p.audience = a.audience AND p.slug = s.slug
  JOIN resource_server r ON r.audience = p.audience
 WHERE (r.tenant_id IS NULL OR r.tenant_id = @tenant_id::uuid)
   AND (p.audience <> 'urn:signet:admin' OR p.slug NOT LIKE 'installation:%'
        OR @tenant_id::uuid = '00000000-0000-7000-8000-000000000001');

-- name: CreateRole :execrows
INSERT INTO role (tenant_id, name, description) VALUES (@tenant_id, @name, @description) ON CONFLICT DO NOTHING;

-- name: UpdateRole :execrows
UPDATE role SET description = @description, version = version + 1, updated_at = now()
 WHERE tenant_id = @tenant_id AND name = @name;

-- name: DeleteRole :execrows
DELETE FROM role WHERE tenant_id = @tenant_id AND name = @name;

-- name: AddRolePermissions :exec
INSERT INTO role_permission (tenant_id, role, audience, permission)
SELECT @tenant_id, @role, unnest(@audiences::text[]), unnest(@slugs::text[]) ON CONFLICT DO NOTHING;

-- name: RemoveRolePermissions :exec
DELETE FROM role_permission rp USING (SELECT unnest(@audiences::text[]) AS audience, unnest(@slugs::text[]) AS slug) gone
 WHERE rp.tenant_id = @tenant_id AND rp.role = @role AND rp.audience = gone.audience AND rp.permission = gone.slug;

-- name: AddInclusions :exec
-- In one statement: what it makes of the roles is worked out once.
INSERT INTO role_inclusion (tenant_id, role, includes)
SELECT @tenant_id, @role, unnest(@includes::text[]) ON CONFLICT DO NOTHING;

-- name: RemoveInclusions :exec
DELETE FROM role_inclusion WHERE tenant_id = @tenant_id AND role = @role AND includes = ANY(@includes::text[]);

-- name: ListTemplates :many
SELECT sqlc.embed(t),
       coalesce((SELECT array_agg(p.audience || ' ' || p.permission ORDER BY p.audience COLLATE "C", p.permission COLLATE "C")
                   FROM role_template_permission p WHERE p.template = t.name), '{}')::text[] AS permissions
  FROM role_template t
 WHERE t.name > @after_name
 ORDER BY t.name
 LIMIT @page;

-- name: FindTemplate :one
SELECT sqlc.embed(t),
       coalesce((SELECT array_agg(p.audience || ' ' || p.permission ORDER BY p.audience COLLATE "C", p.permission COLLATE "C")
                   FROM role_template_permission p WHERE p.template = t.name), '{}')::text[] AS permissions
  FROM role_template t WHERE t.name = @name;

-- name: LockTemplate :one
SELECT name FROM role_template WHERE name = @name FOR NO KEY UPDATE;

-- name: CreateTemplate :execrows
INSERT INTO role_template (name, description) VALUES (@name, @description) ON CONFLICT DO NOTHING;

-- name: UpdateTemplate :execrows
UPDATE role_template SET description = @description, version = version + 1, updated_at = now() WHERE name = @name;

-- name: DeleteTemplate :execrows
DELETE FROM role_template WHERE name = @name AND NOT built_in;

-- name: AddTemplatePermissions :exec
INSERT INTO role_template_permission (template, audience, permission)
SELECT @template, unnest(@audiences::text[]), unnest(@slugs::text[]) ON CONFLICT DO NOTHING;

-- name: RemoveTemplatePermissions :exec
DELETE FROM role_template_permission rp USING (SELECT unnest(@audiences::text[]) AS audience, unnest(@slugs::text[]) AS slug) gone
 WHERE rp.template = @template AND rp.audience = gone.audience AND rp.permission = gone.slug;
