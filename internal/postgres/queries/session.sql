-- name: InsertSession :execrows
-- Nothing is stored when the password that proved the person has been changed since, or the identity
-- unlinked: the locks wait for a change under way, and make one that comes later wait for this
-- session.
INSERT INTO browser_session (id, token_hash, user_id, created_at, authenticated_at, expires_at, absolute_expiry, acr, amr,
                             user_agent, address, connector_id, identity_id, upstream_sid)
SELECT @id, @token_hash, @user_id, @created_at, @authenticated_at, @expires_at, @absolute_expiry, @acr, @amr,
       @user_agent, @address, sqlc.narg(connector_id), sqlc.narg(identity_id), @upstream_sid
 WHERE (sqlc.narg(proven_by)::timestamptz IS NULL
        OR EXISTS (SELECT 1 FROM password_credential p
                    WHERE p.user_id = @user_id AND p.changed_at = sqlc.narg(proven_by)::timestamptz FOR SHARE))
   AND (sqlc.narg(identity_id)::uuid IS NULL
        OR EXISTS (SELECT 1 FROM identity i WHERE i.id = sqlc.narg(identity_id)::uuid AND i.user_id = @user_id FOR KEY SHARE));

-- name: FindSession :one
-- With what decides how far a session goes that began through a connector: of a connector that is gone,
-- or whose identity is no longer linked, nothing is known.
SELECT sqlc.embed(s), c.tenant_id AS owner_id, c.joins_tenant_id, c.disabled_at AS off_since,
       (c.id IS NOT NULL)::boolean AS known, u.email_normalized, u.email_verified,
       ARRAY(SELECT d.domain FROM tenant_domain d WHERE d.tenant_id = c.tenant_id AND d.verified_at IS NOT NULL)::text[] AS domains
  FROM browser_session s
  JOIN user_account u ON u.id = s.user_id
  LEFT JOIN identity i ON i.id = s.identity_id AND i.user_id = s.user_id AND i.connector_id = s.connector_id
  LEFT JOIN connector c ON c.id = i.connector_id
 WHERE s.token_hash = @token_hash AND s.ended_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL;

-- name: TouchSession :exec
UPDATE browser_session SET expires_at = least(absolute_expiry, @expires_at) WHERE id = @id AND ended_at IS NULL;

-- name: RotateSession :execrows
UPDATE browser_session s
   SET token_hash = @token_hash, authenticated_at = @authenticated_at, expires_at = @expires_at,
       absolute_expiry = @absolute_expiry, acr = @acr, amr = @amr, user_agent = @user_agent, address = @address,
       connector_id = sqlc.narg(connector_id), identity_id = sqlc.narg(identity_id), upstream_sid = @upstream_sid
 WHERE s.id = @id AND s.user_id = @user_id AND s.token_hash = @old_token_hash AND s.ended_at IS NULL
   AND (sqlc.narg(identity_id)::uuid IS NULL
        OR EXISTS (SELECT 1 FROM identity i WHERE i.id = sqlc.narg(identity_id)::uuid AND i.user_id = @user_id FOR KEY SHARE));

-- name: EndSession :execrows
-- Waits for redemptions that have seen the session alive.
UPDATE browser_session SET ended_at = now() WHERE id = @id AND ended_at IS NULL;

-- name: EndSessionGrants :one
-- The families that live only as long as the session, which it counts, and their access tokens.
-- A statement of its own after EndSession, so that it sees the families of the redemptions
-- waited for.
WITH families AS (
    UPDATE refresh_family SET revoked_at = now() WHERE session_id = @id AND NOT offline AND revoked_at IS NULL RETURNING id
), cutoff AS (
    INSERT INTO revocation (kind, subject, expires_at) VALUES ('session', @subject, now() + @keep::interval)
    ON CONFLICT (kind, subject) DO NOTHING
)
SELECT count(*) FROM families;

-- name: EndSessions :exec
-- As EndSession, for many.
UPDATE browser_session SET ended_at = now() WHERE id = ANY (@ids::uuid[]) AND ended_at IS NULL;

-- name: EndGrantsOfSessions :exec
-- As EndSessionGrants, for many; subjects are their names.
WITH families AS (
    UPDATE refresh_family SET revoked_at = now() WHERE session_id = ANY (@ids::uuid[]) AND NOT offline AND revoked_at IS NULL
)
INSERT INTO revocation (kind, subject, expires_at) SELECT 'session', unnest(@subjects::text[]), now() + @keep::interval
ON CONFLICT (kind, subject) DO NOTHING;

-- name: SessionLives :one
SELECT EXISTS (SELECT 1 FROM browser_session WHERE id = @id AND ended_at IS NULL AND expires_at > now());

-- name: ListOtherSessions :many
-- Sessions that ran out and were deleted as well: what hangs on them may still be refreshed.
SELECT s.id FROM browser_session s WHERE s.user_id = @user_id AND s.id <> @except_id AND s.ended_at IS NULL
UNION
SELECT f.session_id FROM refresh_family f
 WHERE f.user_id = @user_id AND f.session_id <> @except_id AND NOT f.offline AND f.revoked_at IS NULL AND f.expires_at > now();

-- name: SpendOtherCodes :exec
UPDATE authorization_code SET consumed_at = now()
 WHERE user_id = @user_id AND session_id <> @except_id AND consumed_at IS NULL AND expires_at > now();

-- name: ListOtherGrants :many
SELECT id FROM refresh_family
 WHERE user_id = @user_id AND session_id <> @except_id AND revoked_at IS NULL AND expires_at > now()
   FOR UPDATE;

-- name: DeleteExpiredSessions :execrows
DELETE FROM browser_session WHERE ctid IN (
    SELECT s.ctid FROM browser_session s WHERE s.absolute_expiry < now()
     ORDER BY s.absolute_expiry LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
