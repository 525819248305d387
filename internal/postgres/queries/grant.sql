-- name: InsertCode :exec
INSERT INTO authorization_code (hash, grant_id, tenant_id, user_id, client_id, session_id, offline, redirect_uri,
                                code_challenge, nonce, scopes, audiences, acr, amr, authenticated_at, expires_at)
VALUES (@hash, @grant_id, @tenant_id, @user_id, @client_id, @session_id, @offline, @redirect_uri,
        @code_challenge, @nonce, @scopes, @audiences, @acr, @amr, @authenticated_at, now() + @lifetime::interval);

-- name: RedeemCode :one
-- One statement: of any number of racers exactly one gets a row. Whatever the code is bound to
-- is in the predicate, so a request that does not match spends nothing. The session is locked,
-- so that one that ends meanwhile waits and then ends this family too.
WITH code AS (
    UPDATE authorization_code c SET consumed_at = now()
     WHERE c.hash = @hash AND c.client_id = @client_id AND c.redirect_uri = @redirect_uri
       AND c.code_challenge = @code_challenge AND c.consumed_at IS NULL AND c.expires_at > now()
       AND @audiences::text[] <@ c.audiences
       AND (c.offline OR EXISTS (SELECT 1 FROM browser_session s WHERE s.id = c.session_id AND s.ended_at IS NULL FOR SHARE))
    RETURNING c.*
), family AS (
    INSERT INTO refresh_family (id, tenant_id, user_id, client_id, session_id, offline, scopes, audiences, acr, amr,
                                authenticated_at, expires_at, max_expires_at)
    SELECT grant_id, tenant_id, user_id, client_id, session_id, offline, scopes, audiences, acr, amr,
           authenticated_at, now() + least(@idle::interval, @absolute::interval), now() + @absolute::interval
      FROM code WHERE @open_family::boolean
    RETURNING id
)
SELECT code.grant_id, code.session_id, code.offline, code.redirect_uri, code.nonce, code.scopes, code.audiences,
       code.acr, code.amr, code.authenticated_at, sqlc.embed(u), sqlc.embed(t), (m.user_id IS NOT NULL)::boolean AS member,
       coalesce(m.attributes, '{}')::jsonb AS attributes, coalesce(m.access_version, 0)::bigint AS access_version, held.roles,
       (SELECT coalesce(array_agg(DISTINCT rp.audience COLLATE "C" || ' ' || rp.permission), '{}') FROM role_permission rp
         WHERE rp.tenant_id = m.tenant_id AND rp.role = ANY (held.roles))::text[] AS permissions
  FROM code
  JOIN tenant t ON t.id = code.tenant_id
  JOIN user_account u ON u.id = code.user_id
  LEFT JOIN membership m ON m.tenant_id = code.tenant_id AND m.user_id = code.user_id AND m.suspended_at IS NULL
 CROSS JOIN LATERAL (
    -- Left out when the caller holds them as of these very versions.
    SELECT coalesce(array_agg(e.role ORDER BY e.role COLLATE "C"), '{}')::text[] AS roles FROM (
        SELECT mr.role FROM membership_role mr WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
        UNION
        SELECT rr.reaches FROM membership_role mr JOIN role_reach rr ON rr.tenant_id = mr.tenant_id AND rr.role = mr.role
         WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
    ) e WHERE (t.access_version, m.access_version) IS DISTINCT FROM (@known_tenant::bigint, @known_membership::bigint)
 ) held;

-- name: FindCode :one
-- Only for telling why RedeemCode found nothing.
SELECT grant_id, audiences, (consumed_at IS NOT NULL)::boolean AS consumed FROM authorization_code
 WHERE hash = @hash AND client_id = @client_id;

-- name: RotateFamily :one
-- One statement: the first racer moves the generation, those that follow within the retry
-- window get the same successor, and anyone else gets no row.
WITH asked AS (
    SELECT @generation::integer AS was, @idle::interval AS idle, @retry::interval AS retry
), family AS (
    UPDATE refresh_family f
       SET generation = greatest(f.generation, asked.was + 1),
           rotated_at = CASE WHEN f.generation = asked.was THEN now() ELSE f.rotated_at END,
           expires_at = least(f.max_expires_at, now() + asked.idle)
      FROM asked
     WHERE f.id = @id AND f.client_id = @client_id AND f.revoked_at IS NULL AND f.expires_at > now()
       AND f.created_at >= @since
       AND (f.generation = asked.was
            OR (f.generation = asked.was + 1 AND asked.retry > interval '0' AND f.rotated_at > now() - asked.retry))
    RETURNING f.tenant_id, f.user_id, f.session_id, f.offline, f.generation, f.scopes, f.audiences, f.acr, f.amr,
              f.authenticated_at, (f.rotated_at <> now())::boolean AS retried
)
SELECT family.tenant_id, family.user_id, family.session_id, family.offline, family.generation, family.scopes,
       family.audiences, family.acr, family.amr, family.authenticated_at, family.retried,
       sqlc.embed(u), sqlc.embed(t), (m.user_id IS NOT NULL)::boolean AS member,
       coalesce(m.attributes, '{}')::jsonb AS attributes, coalesce(m.access_version, 0)::bigint AS access_version, held.roles,
       (SELECT coalesce(array_agg(DISTINCT rp.audience COLLATE "C" || ' ' || rp.permission), '{}') FROM role_permission rp
         WHERE rp.tenant_id = m.tenant_id AND rp.role = ANY (held.roles))::text[] AS permissions
  FROM family
  JOIN tenant t ON t.id = family.tenant_id
  JOIN user_account u ON u.id = family.user_id
  LEFT JOIN membership m ON m.tenant_id = family.tenant_id AND m.user_id = family.user_id AND m.suspended_at IS NULL
 CROSS JOIN LATERAL (
    -- Left out when the caller holds them as of these very versions.
    SELECT coalesce(array_agg(e.role ORDER BY e.role COLLATE "C"), '{}')::text[] AS roles FROM (
        SELECT mr.role FROM membership_role mr WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
        UNION
        SELECT rr.reaches FROM membership_role mr JOIN role_reach rr ON rr.tenant_id = mr.tenant_id AND rr.role = mr.role
         WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id
    ) e WHERE (t.access_version, m.access_version) IS DISTINCT FROM (@known_tenant::bigint, @known_membership::bigint)
 ) held;

-- name: FindFamily :one
SELECT * FROM refresh_family WHERE id = @id;

-- name: RevokeGrant :exec
-- The family ends and every access token of the grant is void, in one statement.
WITH family AS (
    UPDATE refresh_family SET revoked_at = now() WHERE id = @id AND revoked_at IS NULL
)
INSERT INTO revocation (kind, subject, expires_at) VALUES ('grant', @subject, now() + @keep::interval)
ON CONFLICT (kind, subject) DO UPDATE SET expires_at = greatest(revocation.expires_at, excluded.expires_at);

-- name: InsertCutoff :exec
INSERT INTO revocation (kind, subject, expires_at) VALUES (@kind, @subject, @expires_at)
ON CONFLICT (kind, subject) DO UPDATE SET expires_at = greatest(revocation.expires_at, excluded.expires_at);

-- name: AnyCutoff :one
SELECT EXISTS (
    SELECT 1 FROM revocation
     WHERE (kind, subject) IN (('grant', @grant_id::text), ('session', @session_id::text), ('token', @token_id::text))
       AND expires_at > now());

-- name: FindConsent :one
SELECT scopes FROM consent WHERE tenant_id = @tenant_id AND user_id = @user_id AND client_id = @client_id;

-- name: SaveConsent :exec
INSERT INTO consent (tenant_id, user_id, client_id, scopes) VALUES (@tenant_id, @user_id, @client_id, @scopes)
ON CONFLICT (tenant_id, user_id, client_id) DO UPDATE
   SET scopes = ARRAY(SELECT DISTINCT unnest(consent.scopes || excluded.scopes) ORDER BY 1), granted_at = now();

-- name: DeleteExpiredCodes :execrows
DELETE FROM authorization_code WHERE ctid IN (
    SELECT c.ctid FROM authorization_code c WHERE c.expires_at < now() - interval '1 day'
     ORDER BY c.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);

-- name: DeleteExpiredFamilies :execrows
DELETE FROM refresh_family WHERE ctid IN (
    SELECT f.ctid FROM refresh_family f WHERE f.max_expires_at < now()
     ORDER BY f.max_expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);

-- name: DeleteExpiredCutoffs :execrows
DELETE FROM revocation WHERE ctid IN (
    SELECT r.ctid FROM revocation r WHERE r.expires_at < now()
     ORDER BY r.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
