-- Switching to another tenant, in one transaction. Whatever ends grants waits for it and then sees
-- what it made, or is waited for. Locks are taken in the order in which the others take them:
-- account, tenant, membership, password, session, family.

-- name: LockMember :exec
SELECT 1 FROM user_account u
  JOIN membership m ON m.user_id = u.id
  JOIN tenant t ON t.id = m.tenant_id
 WHERE u.id = @user_id AND t.id = @tenant_id
   FOR SHARE OF u FOR SHARE OF t FOR SHARE OF m;

-- name: LockPassword :exec
SELECT 1 FROM password_credential WHERE user_id = @user_id FOR SHARE;

-- name: LockSession :one
-- With what decides how far the session goes, as FindSession reads it.
SELECT c.tenant_id AS owner_id, c.joins_tenant_id, c.disabled_at AS off_since,
       s.connector_id, s.authenticated_at,
       (c.id IS NOT NULL)::boolean AS known, u.email_normalized, u.email_verified,
       ARRAY(SELECT d.domain FROM tenant_domain d WHERE d.tenant_id = c.tenant_id AND d.verified_at IS NOT NULL)::text[] AS domains
  FROM browser_session s
  JOIN user_account u ON u.id = s.user_id
  LEFT JOIN identity i ON i.id = s.identity_id AND i.user_id = s.user_id AND i.connector_id = s.connector_id
  LEFT JOIN connector c ON c.id = i.connector_id
 WHERE s.id = @id AND s.ended_at IS NULL FOR SHARE OF s;

-- name: LockFamily :one
-- Which tokens are current is RotateFamily's predicate. The lock makes switches of one family
-- follow each other, so that a retry sees what the first attempt made.
WITH asked AS (
    SELECT @generation::integer AS was, @retry::interval AS retry
)
SELECT f.* FROM refresh_family f, asked
 WHERE f.id = @id AND f.client_id = @client_id AND f.revoked_at IS NULL AND f.expires_at > now()
   AND f.created_at >= @since
   AND (f.generation = asked.was
        OR (f.generation = asked.was + 1 AND asked.retry > interval '0' AND f.rotated_at > now() - asked.retry))
   FOR UPDATE OF f;

-- name: FindSwitched :one
-- What an attempt made whose response was lost: nobody has used it yet. A client that switches for
-- each access token, and never uses what it gets, is given the same again once there are many.
WITH unused AS (
    SELECT id, created_at FROM refresh_family
     WHERE switched_from = @switched_from::uuid AND tenant_id = @tenant_id AND generation = 0 AND revoked_at IS NULL AND expires_at > now()
)
SELECT id FROM unused
 WHERE created_at > now() - @retry::interval OR (SELECT count(*) FROM unused) >= @most::integer
 ORDER BY created_at DESC, id LIMIT 1;

-- name: InsertSwitched :exec
-- The new grant is what the former one is, in another tenant: the same scopes and audiences, the
-- same sign-in, the same absolute end.
INSERT INTO refresh_family (id, tenant_id, user_id, client_id, session_id, offline, scopes, audiences, acr, amr,
                            authenticated_at, expires_at, max_expires_at, switched_from)
SELECT @id, @tenant_id, f.user_id, f.client_id, f.session_id, f.offline, f.scopes, f.audiences, f.acr, f.amr,
       f.authenticated_at, least(f.max_expires_at, now() + @idle::interval), f.max_expires_at, f.id
  FROM refresh_family f WHERE f.id = @switched_from;

-- name: ListSwitched :many
-- Everything that was switched to from the grant, at any remove.
WITH RECURSIVE line AS (
    SELECT f.id FROM refresh_family f WHERE f.switched_from = @root::uuid
    UNION
    -- LATERAL and OFFSET keep to the index, one look-up for each grant: a line may be long.
    SELECT f.id FROM line CROSS JOIN LATERAL (SELECT r.id FROM refresh_family r WHERE r.switched_from = line.id OFFSET 0) f
)
SELECT id FROM line;

-- name: RevokeFamilies :many
UPDATE refresh_family SET revoked_at = now() WHERE id = ANY (@ids::uuid[]) AND revoked_at IS NULL RETURNING id;
