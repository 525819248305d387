-- name: FindUserByEmail :one
SELECT * FROM user_account WHERE email_normalized = @email_normalized;

-- name: FindUser :one
SELECT * FROM user_account WHERE id = @id;

-- name: FindPassword :one
SELECT encoded, changed_at FROM password_credential WHERE user_id = @user_id;

-- name: SetPassword :exec
INSERT INTO password_credential (user_id, encoded) VALUES (@user_id, @encoded)
ON CONFLICT (user_id) DO UPDATE SET encoded = excluded.encoded, changed_at = now();

-- name: UpgradePassword :exec
-- The old hash is named so that a password changed meanwhile is not put back.
UPDATE password_credential SET encoded = @encoded WHERE user_id = @user_id AND encoded = @old_encoded;

-- name: FindTenantByReference :one
SELECT * FROM tenant WHERE slug = @slug OR id = @id;

-- name: ListMemberships :many
-- Roles are the ones held and the ones that these include. A suspended membership is none.
SELECT sqlc.embed(t), held.roles
  FROM membership m
  JOIN tenant t ON t.id = m.tenant_id
 CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.role ORDER BY e.role COLLATE "C"), '{}')::text[] AS roles FROM (
        SELECT mr.role FROM membership_role mr WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
        UNION
        SELECT rr.reaches FROM membership_role mr JOIN role_reach rr ON rr.tenant_id = mr.tenant_id AND rr.role = mr.role
         WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
    ) e
 ) held
 WHERE m.user_id = @user_id AND m.suspended_at IS NULL AND t.disabled_at IS NULL
   AND (sqlc.narg(tenant_id)::uuid IS NULL OR t.id = sqlc.narg(tenant_id))
   AND (@slug::text = '' OR t.slug = @slug OR t.id = sqlc.narg(reference_id)::uuid)
   AND NOT (@open::boolean AND t.only_connectors)
 ORDER BY t.name, t.id
 LIMIT 200;

-- name: FindSubject :one
-- Roles and permissions are those of a membership that stands, else none: the roles held, the
-- roles that these include, and what all of them bundle. RedeemCode and RotateFamily read the same.
SELECT sqlc.embed(u), sqlc.embed(t), (m.user_id IS NOT NULL)::boolean AS member,
       coalesce(m.attributes, '{}')::jsonb AS attributes, held.roles,
       (SELECT coalesce(array_agg(DISTINCT rp.audience COLLATE "C" || ' ' || rp.permission), '{}') FROM role_permission rp
         WHERE rp.tenant_id = m.tenant_id AND rp.role = ANY (held.roles))::text[] AS permissions
  FROM tenant t
  JOIN user_account u ON u.id = @user_id
  LEFT JOIN membership m ON m.tenant_id = t.id AND m.user_id = u.id AND m.suspended_at IS NULL
 CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.role ORDER BY e.role COLLATE "C"), '{}')::text[] AS roles FROM (
        SELECT mr.role FROM membership_role mr WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
        UNION
        SELECT rr.reaches FROM membership_role mr JOIN role_reach rr ON rr.tenant_id = mr.tenant_id AND rr.role = mr.role
         WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
    ) e
 ) held
 WHERE t.id = @tenant_id;

-- name: InsertTenant :execrows
INSERT INTO tenant (id, slug, name) VALUES (@id, @slug, @name) ON CONFLICT DO NOTHING;

-- name: InsertUser :execrows
INSERT INTO user_account (id, email, email_normalized, email_verified, name, given_name, family_name, picture, locale)
VALUES (@id, @email, @email_normalized, @email_verified, @name, @given_name, @family_name, @picture, @locale)
ON CONFLICT DO NOTHING;

-- name: InsertMembership :exec
INSERT INTO membership (tenant_id, user_id) VALUES (@tenant_id, @user_id) ON CONFLICT DO NOTHING;

-- name: InsertRole :exec
INSERT INTO role (tenant_id, name, description) VALUES (@tenant_id, @name, @description) ON CONFLICT DO NOTHING;

-- name: InsertMembershipRole :exec
INSERT INTO membership_role (tenant_id, user_id, role) VALUES (@tenant_id, @user_id, @role) ON CONFLICT DO NOTHING;

-- name: InsertResourceServer :exec
INSERT INTO resource_server (audience, name, signing_algorithm) VALUES (@audience, @name, @signing_algorithm) ON CONFLICT DO NOTHING;

-- name: InsertPermission :exec
INSERT INTO permission (audience, slug, description) VALUES (@audience, @slug, @description) ON CONFLICT DO NOTHING;

-- name: InsertRolePermission :exec
INSERT INTO role_permission (tenant_id, role, audience, permission)
VALUES (@tenant_id, @role, @audience, @permission) ON CONFLICT DO NOTHING;
