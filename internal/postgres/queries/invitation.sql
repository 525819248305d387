-- name: ListInvitations :many
SELECT * FROM invitation
 WHERE tenant_id = @tenant_id
   AND (created_at, id) > (@after_time::timestamptz, @after_id::uuid)
   AND (@state::text = ''
        OR @state = CASE WHEN accepted_at IS NOT NULL THEN 'accepted' WHEN revoked_at IS NOT NULL THEN 'revoked'
                         WHEN expires_at <= @now::timestamptz THEN 'expired' ELSE 'pending' END)
 ORDER BY created_at, id
 LIMIT @page;

-- name: FindInvitation :one
SELECT * FROM invitation WHERE tenant_id = @tenant_id AND id = @id;

-- name: InvitingTenant :one
-- The tenant stays as it is until the invitation is stored.
SELECT * FROM tenant WHERE id = @id FOR SHARE;

-- name: MissingRoles :many
SELECT n.name::text AS name FROM unnest(@names::text[]) AS n(name)
 WHERE NOT EXISTS (SELECT 1 FROM role r WHERE r.tenant_id = @tenant_id AND r.name = n.name)
 ORDER BY 1;

-- name: IsMemberByEmail :one
SELECT EXISTS (SELECT 1 FROM membership m JOIN user_account u ON u.id = m.user_id
                WHERE m.tenant_id = @tenant_id AND u.email_normalized = @email_normalized);

-- name: SaveInvitation :one
-- Inviting an address again renews what is pending: the link sent before is void.
INSERT INTO invitation (id, tenant_id, email, email_normalized, roles, token_hash, created_at, expires_at)
VALUES (@id, @tenant_id, @email, @email_normalized, @roles, @token_hash, @created_at, @expires_at)
ON CONFLICT (tenant_id, email_normalized) WHERE accepted_at IS NULL AND revoked_at IS NULL
DO UPDATE SET email = excluded.email, roles = excluded.roles, token_hash = excluded.token_hash,
              expires_at = excluded.expires_at, invited_by = signet_actor()
RETURNING *;

-- name: RenewInvitation :one
-- Whoever sends it again answers for it from now on.
UPDATE invitation SET token_hash = @token_hash, expires_at = @expires_at, invited_by = signet_actor()
 WHERE tenant_id = @tenant_id AND id = @id AND accepted_at IS NULL AND revoked_at IS NULL
RETURNING *;

-- name: RevokeInvitation :execrows
UPDATE invitation SET revoked_at = @revoked_at::timestamptz
 WHERE tenant_id = @tenant_id AND id = @id AND accepted_at IS NULL AND revoked_at IS NULL;

-- name: FindOffer :one
-- The secret says whose it is: whoever holds it was sent the invitation.
SELECT sqlc.embed(i), sqlc.embed(t),
       EXISTS (SELECT 1 FROM user_account u WHERE u.email_normalized = i.email_normalized) AS known,
       coalesce((SELECT array_agg(r.name ORDER BY r.name) FROM role r
                  WHERE r.tenant_id = i.tenant_id AND r.name = ANY (i.roles)), '{}')::text[] AS standing
  FROM invitation i JOIN tenant t ON t.id = i.tenant_id
 WHERE i.token_hash = @token_hash;

-- name: AcceptInvitation :one
-- Of those who come at once the first gets the row; the others find it accepted. Somebody with an
-- account must be the one who has the address.
UPDATE invitation i SET accepted_at = @now::timestamptz, accepted_by = @user_id::uuid
 WHERE i.token_hash = @token_hash AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > @now::timestamptz
   AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = i.tenant_id AND t.disabled_at IS NULL)
   AND (@fresh::boolean OR EXISTS (
        SELECT 1 FROM user_account u
         WHERE u.id = @user_id AND u.email_normalized = i.email_normalized AND u.disabled_at IS NULL))
RETURNING *;

-- name: MayInvite :one
-- Whether whoever invited may still invite into the tenant: a person who administers it or the
-- installation, or a machine that does. Into the installation's own tenant, which is known by its
-- identifier, only those of the installation invite.
WITH own AS (
    SELECT '00000000-0000-7000-8000-000000000001'::uuid AS id
), direct AS (
    SELECT rp.tenant_id, rp.role FROM role_permission rp, own
     WHERE rp.audience = 'urn:signet:admin'
       AND (rp.tenant_id = own.id AND rp.permission = 'installation:manage'
            OR rp.tenant_id = @tenant_id::uuid AND @tenant_id::uuid <> own.id AND rp.permission = 'tenant:manage')
), administering AS (
    SELECT tenant_id, role FROM direct
    UNION
    SELECT rr.tenant_id, rr.role FROM role_reach rr JOIN direct ON rr.tenant_id = direct.tenant_id AND rr.reaches = direct.role
)
SELECT (EXISTS (
    SELECT 1 FROM administering a
      JOIN membership_role mr ON mr.tenant_id = a.tenant_id AND mr.role = a.role AND mr.user_id = sqlc.narg(user_id)::uuid
      JOIN membership m ON m.tenant_id = mr.tenant_id AND m.user_id = mr.user_id AND m.suspended_at IS NULL
      JOIN tenant t ON t.id = m.tenant_id AND t.disabled_at IS NULL
      JOIN user_account u ON u.id = mr.user_id AND u.disabled_at IS NULL
) OR EXISTS (
    SELECT 1 FROM client c LEFT JOIN tenant t ON t.id = c.tenant_id, own
     WHERE c.id = @client_id AND c.disabled_at IS NULL AND t.disabled_at IS NULL
       AND 'client_credentials' = ANY (c.grant_types) AND 'urn:signet:admin' = ANY (c.audiences)
       AND ((c.tenant_id IS NULL OR c.tenant_id = own.id) AND 'installation:manage' = ANY (c.scopes)
            OR c.tenant_id = @tenant_id::uuid AND @tenant_id::uuid <> own.id AND 'tenant:manage' = ANY (c.scopes))
))::boolean AS may;

-- name: JoinTenant :exec
-- Who is a member already, perhaps suspended, stays what they are and gets the roles beside their
-- own: whoever edits the membership meanwhile has to read it again.
INSERT INTO membership (tenant_id, user_id) VALUES (@tenant_id, @user_id)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET version = membership.version + 1;

-- name: GiveInvitedRoles :exec
-- Those that still exist; one that is just being deleted is waited for and left out.
INSERT INTO membership_role (tenant_id, user_id, role)
SELECT r.tenant_id, @user_id::uuid, r.name FROM role r
 WHERE r.tenant_id = @tenant_id AND r.name = ANY (@roles::text[])
   FOR KEY SHARE OF r
ON CONFLICT DO NOTHING;

-- name: DeleteOldInvitations :execrows
-- They are listed for a month after they could be accepted last; the audit log has them for good.
DELETE FROM invitation WHERE ctid IN (
    SELECT i.ctid FROM invitation i WHERE i.expires_at < now() - interval '30 days'
     ORDER BY i.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
