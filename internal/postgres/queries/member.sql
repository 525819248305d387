-- name: ListMembers :many
SELECT sqlc.embed(m), sqlc.embed(u),
       coalesce((SELECT array_agg(mr.role ORDER BY mr.role) FROM membership_role mr
                  WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id), '{}')::text[] AS roles
  FROM membership m JOIN user_account u ON u.id = m.user_id
 WHERE (@reach_all::boolean OR m.tenant_id = @reach::uuid) AND m.tenant_id = @tenant_id
   AND (m.created_at, m.user_id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY m.created_at, m.user_id
 LIMIT @page;

-- name: ListMembersByAddress :many
SELECT sqlc.embed(m), sqlc.embed(u),
       coalesce((SELECT array_agg(mr.role ORDER BY mr.role) FROM membership_role mr
                  WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id), '{}')::text[] AS roles
  FROM membership m JOIN user_account u ON u.id = m.user_id
 WHERE (@reach_all::boolean OR m.tenant_id = @reach::uuid) AND m.tenant_id = @tenant_id
   AND m.email_normalized COLLATE "C" >= @prefix::text
   AND m.email_normalized COLLATE "C" < @prefix_end::text
   AND m.email_normalized COLLATE "C" > @after_address::text
 ORDER BY m.email_normalized COLLATE "C"
 LIMIT @page;

-- name: ListMembersByRole :many
SELECT sqlc.embed(m), sqlc.embed(u),
       coalesce((SELECT array_agg(mr.role ORDER BY mr.role) FROM membership_role mr
                  WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id), '{}')::text[] AS roles
  FROM membership_role held
  JOIN membership m ON m.tenant_id = held.tenant_id AND m.user_id = held.user_id
  JOIN user_account u ON u.id = m.user_id
 WHERE (@reach_all::boolean OR held.tenant_id = @reach::uuid) AND held.tenant_id = @tenant_id
   AND held.role = @role AND held.user_id > @after_id::uuid
 ORDER BY held.user_id
 LIMIT @page;

-- name: FindMember :one
SELECT sqlc.embed(m), sqlc.embed(u),
       coalesce((SELECT array_agg(mr.role ORDER BY mr.role) FROM membership_role mr
                  WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id), '{}')::text[] AS roles
  FROM membership m JOIN user_account u ON u.id = m.user_id
 WHERE (@reach_all::boolean OR m.tenant_id = @reach::uuid) AND m.tenant_id = @tenant_id AND m.user_id = @user_id;

-- name: CreateMember :execrows
INSERT INTO membership (tenant_id, user_id, attributes, suspended_at)
VALUES (@tenant_id, @user_id, @attributes, @suspended_at)
ON CONFLICT DO NOTHING;

-- name: UpdateMember :execrows
UPDATE membership SET attributes = @attributes, suspended_at = @suspended_at, version = version + 1
 WHERE tenant_id = @tenant_id AND user_id = @user_id;

-- name: DeleteMember :execrows
DELETE FROM membership WHERE tenant_id = @tenant_id AND user_id = @user_id;

-- name: GiveRoles :exec
INSERT INTO membership_role (tenant_id, user_id, role)
SELECT @tenant_id, @user_id, unnest(@roles::text[]) ON CONFLICT DO NOTHING;

-- name: TakeRoles :exec
DELETE FROM membership_role WHERE tenant_id = @tenant_id AND user_id = @user_id AND role = ANY(@roles::text[]);

-- name: HasAdministrator :one
-- Whether somebody who may sign in holds what makes an administrator of the tenant, through
-- whichever of its roles. The installation's own tenant is known by its identifier.
WITH what AS (
    SELECT CASE WHEN @tenant_id::uuid = '00000000-0000-7000-8000-000000000001' THEN 'installation:manage' ELSE 'tenant:manage' END AS permission
), direct AS (
    SELECT rp.role FROM role_permission rp JOIN what ON rp.permission = what.permission
     WHERE rp.tenant_id = @tenant_id AND rp.audience = 'urn:signet:admin'
), administering AS (
    SELECT role FROM direct
    UNION
    SELECT rr.role FROM role_reach rr JOIN direct ON rr.reaches = direct.role WHERE rr.tenant_id = @tenant_id
)
SELECT EXISTS (
    SELECT 1 FROM administering
      JOIN membership_role mr ON mr.tenant_id = @tenant_id AND mr.role = administering.role
      JOIN membership m ON m.tenant_id = mr.tenant_id AND m.user_id = mr.user_id AND m.suspended_at IS NULL
      JOIN user_account u ON u.id = mr.user_id AND u.disabled_at IS NULL);

-- name: SpendCodesOfMember :exec
-- Waits for redemptions under way, so that what they open is seen by the statements that follow.
UPDATE authorization_code SET consumed_at = now()
 WHERE tenant_id = @tenant_id AND user_id = @user_id AND consumed_at IS NULL AND expires_at > now();

-- name: RevokeGrantsOfMember :many
-- The families of a person in a tenant end. Grants without one, of clients that get no refresh
-- tokens, are known by the codes of late.
WITH family AS (
    UPDATE refresh_family f SET revoked_at = now()
     WHERE f.user_id = @user_id AND f.tenant_id = @tenant_id AND f.revoked_at IS NULL RETURNING f.id
)
SELECT id FROM family
UNION
SELECT c.grant_id FROM authorization_code c
 WHERE c.tenant_id = @tenant_id AND c.user_id = @user_id AND c.expires_at > now() - @keep::interval;

-- name: GrantsOfUserWithoutFamily :many
SELECT c.grant_id FROM authorization_code c
 WHERE c.user_id = @user_id AND c.expires_at > now() - @keep::interval;
