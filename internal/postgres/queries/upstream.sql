-- name: InsertAttempt :exec
INSERT INTO upstream_attempt (state_hash, browser_hash, connector_id, user_id, sealed, created_at, expires_at)
VALUES (@state_hash, @browser_hash, @connector_id, @user_id, @sealed, @created_at, @expires_at);

-- name: TakeAttempt :one
-- Of those who come at once the first gets the row. Whoever is not the browser that began spends
-- nothing.
UPDATE upstream_attempt SET consumed_at = @now::timestamptz
 WHERE state_hash = @state_hash AND connector_id = @connector_id AND browser_hash = @browser_hash
   AND expires_at > @now::timestamptz AND consumed_at IS NULL
RETURNING *;

-- name: FindTakenAttempt :one
SELECT * FROM upstream_attempt
 WHERE state_hash = @state_hash AND connector_id = @connector_id AND browser_hash = @browser_hash
   AND expires_at > @now::timestamptz AND consumed_at IS NOT NULL;

-- name: NoteStray :execrows
-- Any number may bring it; it is noted once.
UPDATE upstream_attempt SET strayed_at = @now::timestamptz
 WHERE state_hash = @state_hash AND connector_id = @connector_id AND strayed_at IS NULL;

-- name: InsertPendingLink :exec
INSERT INTO pending_link (token_hash, browser_hash, connector_id, user_id, sealed, expires_at)
VALUES (@token_hash, @browser_hash, @connector_id, @user_id, @sealed, @expires_at);

-- name: FindPendingLink :one
SELECT l.* FROM pending_link l
  JOIN user_account u ON u.id = l.user_id AND u.disabled_at IS NULL
  JOIN connector c ON c.id = l.connector_id AND c.disabled_at IS NULL
 WHERE l.token_hash = @token_hash AND l.browser_hash = @browser_hash AND l.used_at IS NULL AND l.expires_at > @now::timestamptz;

-- name: SpendPendingLink :execrows
UPDATE pending_link SET used_at = @now::timestamptz
 WHERE token_hash = @token_hash AND connector_id = @connector_id AND user_id = @user_id
   AND used_at IS NULL AND expires_at > @now::timestamptz;

-- name: MeetIdentity :one
-- Somebody comes again: notes it, and says in the same statement what is to be changed for it. Of the
-- roles in joins that the provider says, those to be given, those that the identity gave before and
-- that are to be taken, and those that another identity gave too; none when heeded is false.
WITH met AS (
    UPDATE identity i SET last_used_at = @now, email = @email, label = @label
      FROM connector c LEFT JOIN tenant own ON own.id = c.tenant_id
     WHERE c.id = @connector_id AND c.disabled_at IS NULL AND own.disabled_at IS NULL
       AND i.connector_id = c.id AND i.issuer = @issuer AND i.subject = @subject
       AND EXISTS (SELECT 1 FROM user_account u WHERE u.id = i.user_id AND u.disabled_at IS NULL)
    RETURNING i.id, i.user_id, i.names, i.sealed_tokens IS NOT NULL AS has_tokens
)
SELECT met.id, met.names, met.has_tokens::boolean AS has_tokens, sqlc.embed(u),
       coalesce((SELECT array_agg(r.name ORDER BY r.name) FROM role r
                  WHERE @heeded::boolean AND r.tenant_id = @joins AND r.name = ANY (@wanted::text[])
                    AND EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = r.tenant_id AND m.user_id = met.user_id)
                    AND NOT EXISTS (SELECT 1 FROM membership_role h
                                     WHERE h.tenant_id = r.tenant_id AND h.user_id = met.user_id AND h.role = r.name)), '{}')::text[] AS given,
       coalesce((SELECT array_agg(g.role ORDER BY g.role) FROM identity_role g
                  WHERE @heeded::boolean AND g.identity_id = met.id
                    AND (g.tenant_id <> @joins OR g.role <> ALL (@wanted::text[]))), '{}')::text[] AS taken,
       coalesce((SELECT array_agg(DISTINCT o.role ORDER BY o.role) FROM identity_role o
                  WHERE @heeded::boolean AND o.tenant_id = @joins AND o.user_id = met.user_id AND o.role = ANY (@wanted::text[])
                    AND NOT EXISTS (SELECT 1 FROM identity_role own
                                     WHERE own.identity_id = met.id AND own.tenant_id = o.tenant_id AND own.role = o.role)), '{}')::text[] AS shared
  FROM met JOIN user_account u ON u.id = met.user_id;

-- name: LockArrivalConnector :one
-- The connector and what it says stay until the transaction ends. joined is false when nobody can
-- become a member of the tenant now.
SELECT sqlc.embed(c), (j.id IS NOT NULL AND j.disabled_at IS NULL)::boolean AS joinable
  FROM connector c
  LEFT JOIN tenant own ON own.id = c.tenant_id
  LEFT JOIN tenant j ON j.id = coalesce(c.tenant_id, c.joins_tenant_id)
 WHERE c.id = @id AND c.disabled_at IS NULL AND own.disabled_at IS NULL
   FOR SHARE OF c;

-- name: FindIdentityHolder :one
SELECT sqlc.embed(u) FROM identity i JOIN user_account u ON u.id = i.user_id
 WHERE i.connector_id = @connector_id AND i.issuer = @issuer AND i.subject = @subject;

-- name: VerifiedDomains :many
SELECT domain FROM tenant_domain WHERE tenant_id = @tenant_id AND verified_at IS NOT NULL;

-- name: LockUserByEmail :one
SELECT * FROM user_account WHERE email_normalized = @email_normalized FOR NO KEY UPDATE;

-- name: InsertIdentity :execrows
INSERT INTO identity (id, connector_id, issuer, subject, user_id, email, label, linked_at, last_used_at)
VALUES (@id, @connector_id, @issuer, @subject, @user_id, @email, @label, @now, @now)
ON CONFLICT (connector_id, issuer, subject) DO NOTHING;

-- name: SetIdentityNames :exec
UPDATE identity SET names = @names WHERE id = @id;

-- name: SetIdentityTokens :exec
-- None while the connector keeps none, whatever a replica that has not heard of that yet says.
UPDATE identity i SET sealed_tokens = CASE WHEN c.keep_tokens THEN sqlc.narg(sealed_tokens)::bytea END
  FROM connector c WHERE i.id = @id AND c.id = i.connector_id;

-- name: JoinThrough :execrows
-- Who has been a member before stays what they are: a membership that was removed is not made again.
INSERT INTO membership (tenant_id, user_id)
SELECT @tenant_id::uuid, @user_id::uuid
 WHERE NOT EXISTS (SELECT 1 FROM access_history h
                    WHERE h.tenant_id = @tenant_id AND h.kind = 'membership' AND h.user_id = @user_id)
ON CONFLICT DO NOTHING;

-- name: TrackRoles :exec
-- Roles that the person holds from now on because the identity says so.
INSERT INTO identity_role (tenant_id, user_id, role, identity_id)
SELECT m.tenant_id, m.user_id, m.role, @identity_id FROM membership_role m
 WHERE m.tenant_id = @tenant_id AND m.user_id = @user_id AND m.role = ANY (@roles::text[])
ON CONFLICT DO NOTHING;

-- name: TakeIdentityRoles :exec
-- Takes roles that the identity gave, all of those outside of the tenant and those named in it, unless
-- another identity of the person gives them too.
WITH mine AS (
    DELETE FROM identity_role g
     WHERE g.identity_id = @identity_id AND (g.tenant_id <> @tenant_id OR g.role = ANY (coalesce(@roles::text[], '{}')))
    RETURNING g.tenant_id, g.user_id, g.role
)
DELETE FROM membership_role m USING mine
 WHERE m.tenant_id = mine.tenant_id AND m.user_id = mine.user_id AND m.role = mine.role
   AND NOT EXISTS (SELECT 1 FROM identity_role o
                    WHERE o.tenant_id = mine.tenant_id AND o.user_id = mine.user_id AND o.role = mine.role
                      AND o.identity_id <> @identity_id);

-- name: ListWays :many
SELECT sqlc.embed(i), c.name, c.kind, (c.disabled_at IS NULL AND own.disabled_at IS NULL)::boolean AS enabled
  FROM identity i
  JOIN connector c ON c.id = i.connector_id
  LEFT JOIN tenant own ON own.id = c.tenant_id
 WHERE i.user_id = @user_id
 ORDER BY i.linked_at, i.id;

-- name: PasswordWorks :one
-- Whether the person has a password that is not refused: not for the domain of their address, nor
-- because every tenant that they belong to is entered through its own connectors alone.
SELECT (EXISTS (SELECT 1 FROM password_credential p WHERE p.user_id = @user_id)
    AND NOT EXISTS (SELECT 1 FROM tenant_domain d JOIN tenant t ON t.id = d.tenant_id
                     WHERE d.domain = @domain AND d.verified_at IS NOT NULL AND t.only_connectors AND t.disabled_at IS NULL)
    AND NOT coalesce((SELECT bool_and(t.only_connectors) FROM membership m JOIN tenant t ON t.id = m.tenant_id
                       WHERE m.user_id = @user_id AND m.suspended_at IS NULL AND t.disabled_at IS NULL), false))::boolean AS works;

-- name: DeleteIdentity :one
-- Waits for sessions that begin through it, so that the statements that follow see them.
WITH gone AS (
    DELETE FROM identity i WHERE i.id = @id AND i.user_id = @user_id RETURNING i.connector_id
)
SELECT c.reference, coalesce(c.tenant_id, c.joins_tenant_id) AS joins FROM gone JOIN connector c ON c.id = gone.connector_id;

-- name: ListSessionsOfIdentity :many
SELECT id FROM browser_session WHERE identity_id = @identity_id AND id <> @except_id AND ended_at IS NULL;

-- name: KeepLogout :execrows
INSERT INTO upstream_logout (connector_id, jti_hash, expires_at) VALUES (@connector_id, @jti_hash, @expires_at)
ON CONFLICT DO NOTHING;

-- name: ListUpstreamSessions :many
-- Those of the provider's session, if it is named, and else those of the person there.
SELECT s.id, s.user_id FROM browser_session s
 WHERE s.upstream_sid <> '' AND s.connector_id = @connector_id AND s.upstream_sid = @sid::text AND s.ended_at IS NULL
   AND (@subject::text = '' OR NOT EXISTS (
        SELECT 1 FROM identity i WHERE i.id = s.identity_id AND (i.subject <> @subject OR i.issuer <> @issuer)))
UNION
SELECT s.id, s.user_id FROM identity i JOIN browser_session s ON s.identity_id = i.id
 WHERE @sid::text = '' AND i.connector_id = @connector_id AND i.issuer = @issuer AND i.subject = @subject AND s.ended_at IS NULL;

-- name: DeleteExpiredAttempts :execrows
DELETE FROM upstream_attempt WHERE ctid IN (
    SELECT a.ctid FROM upstream_attempt a WHERE a.expires_at < now()
     ORDER BY a.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);

-- name: DeleteExpiredPendingLinks :execrows
DELETE FROM pending_link WHERE ctid IN (
    SELECT l.ctid FROM pending_link l WHERE l.expires_at < now()
     ORDER BY l.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);

-- name: DeleteOldLogouts :execrows
-- A day later than they count, whatever the clocks say.
DELETE FROM upstream_logout WHERE ctid IN (
    SELECT l.ctid FROM upstream_logout l WHERE l.expires_at < now() - interval '1 day'
     ORDER BY l.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
