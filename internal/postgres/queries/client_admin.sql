-- name: ListClients :many
-- In the order of bytes: prefix and beyond are the bounds of what begins alike. There is a
-- statement for each index.
SELECT sqlc.embed(c), coalesce(t.slug, '')::text AS tenant_slug, (t.disabled_at IS NOT NULL)::boolean AS tenant_disabled,
       coalesce((SELECT array_agg(o.origin ORDER BY o.origin) FROM client_origin o WHERE o.client_id = c.id), '{}')::text[] AS origins
  FROM client c LEFT JOIN tenant t ON t.id = c.tenant_id
 WHERE c.id COLLATE "C" > @after AND c.id COLLATE "C" >= @prefix AND c.id COLLATE "C" < @beyond
 ORDER BY c.id COLLATE "C"
 LIMIT @page;

-- name: ListInstallationClients :many
SELECT sqlc.embed(c), coalesce(t.slug, '')::text AS tenant_slug, (t.disabled_at IS NOT NULL)::boolean AS tenant_disabled,
       coalesce((SELECT array_agg(o.origin ORDER BY o.origin) FROM client_origin o WHERE o.client_id = c.id), '{}')::text[] AS origins
  FROM client c LEFT JOIN tenant t ON t.id = c.tenant_id
 WHERE c.tenant_id IS NULL AND c.id COLLATE "C" > @after AND c.id COLLATE "C" >= @prefix AND c.id COLLATE "C" < @beyond
 ORDER BY c.id COLLATE "C"
 LIMIT @page;

-- name: ListTenantClients :many
SELECT sqlc.embed(c), coalesce(t.slug, '')::text AS tenant_slug, (t.disabled_at IS NOT NULL)::boolean AS tenant_disabled,
       coalesce((SELECT array_agg(o.origin ORDER BY o.origin) FROM client_origin o WHERE o.client_id = c.id), '{}')::text[] AS origins
  FROM client c JOIN tenant t ON t.id = c.tenant_id
 WHERE c.tenant_id = @tenant_id AND c.id COLLATE "C" > @after AND c.id COLLATE "C" >= @prefix AND c.id COLLATE "C" < @beyond
 ORDER BY c.id COLLATE "C"
 LIMIT @page;

-- name: ReadClient :one
SELECT sqlc.embed(c), coalesce(t.slug, '')::text AS tenant_slug, (t.disabled_at IS NOT NULL)::boolean AS tenant_disabled,
       coalesce((SELECT array_agg(o.origin ORDER BY o.origin) FROM client_origin o WHERE o.client_id = c.id), '{}')::text[] AS origins
  FROM client c LEFT JOIN tenant t ON t.id = c.tenant_id
 WHERE (@reach_all::boolean OR c.tenant_id = @reach) AND c.id = @id;

-- name: LockClient :one
-- Edits of one client, and its secrets, follow each other.
SELECT id FROM client WHERE (@reach_all::boolean OR tenant_id = @reach) AND id = @id FOR NO KEY UPDATE;

-- name: CreateClient :execrows
INSERT INTO client (id, tenant_id, name, auth_method, redirect_uris, post_logout_redirect_uris, grant_types, scopes,
                    audiences, serves_audience, pkce_optional, skip_consent, id_token_algorithm, access_token_seconds,
                    policy_uri, terms_uri, claims, disabled_at)
VALUES (@id, @tenant_id, @name, @auth_method, @redirect_uris, @post_logout_redirect_uris, @grant_types, @scopes,
        @audiences, @serves_audience, @pkce_optional, @skip_consent, @id_token_algorithm, @access_token_seconds,
        @policy_uri, @terms_uri, @claims, @disabled_at)
ON CONFLICT (id) DO NOTHING;

-- name: UpdateClient :exec
-- What was issued before it was disabled stays void when it is enabled again. Token times are
-- whole seconds: those of the second in which it was disabled are void too.
UPDATE client SET
    name = @name, auth_method = @auth_method, redirect_uris = @redirect_uris,
    post_logout_redirect_uris = @post_logout_redirect_uris, grant_types = @grant_types, scopes = @scopes,
    audiences = @audiences, serves_audience = @serves_audience, pkce_optional = @pkce_optional,
    skip_consent = @skip_consent, id_token_algorithm = @id_token_algorithm, access_token_seconds = @access_token_seconds,
    policy_uri = @policy_uri, terms_uri = @terms_uri, claims = @claims,
    valid_from = CASE WHEN disabled_at IS NULL AND sqlc.narg(disabled_at)::timestamptz IS NOT NULL THEN date_trunc('second', now()) + interval '1 second'
                      WHEN disabled_at IS NOT NULL AND sqlc.narg(disabled_at)::timestamptz IS NULL THEN greatest(valid_from, date_trunc('second', now()))
                      ELSE valid_from END,
    disabled_at = sqlc.narg(disabled_at), version = version + 1, updated_at = now()
 WHERE id = @id;

-- name: TouchClient :one
UPDATE client SET version = version + 1, updated_at = now() WHERE id = @id RETURNING version;

-- name: DeleteClient :exec
DELETE FROM client WHERE id = @id;

-- name: SpendClientCodes :exec
UPDATE authorization_code SET consumed_at = now()
 WHERE client_id = @client_id AND consumed_at IS NULL AND expires_at > now();

-- name: KnownAudiences :many
-- Those of the audiences that are resource servers which a client of the tenant may use: for a
-- client of the installation all of them. They stay as long as the transaction lasts.
SELECT audience FROM resource_server
 WHERE audience = ANY (@audiences::text[])
   AND (sqlc.narg(tenant_id)::uuid IS NULL OR tenant_id IS NULL OR tenant_id = sqlc.narg(tenant_id))
   FOR SHARE;

-- name: OwnAudience :one
-- Whether a tenant's client may be the resource server: the tenant's own alone.
SELECT EXISTS (SELECT 1 FROM resource_server
 WHERE audience = @audience AND (sqlc.narg(tenant_id)::uuid IS NULL OR tenant_id = sqlc.narg(tenant_id)));

-- name: ListClientSecrets :many
SELECT id, hash, created_at, created_by, expires_at FROM client_secret WHERE client_id = @client_id ORDER BY created_at, id;

-- name: InsertClientSecret :execrows
INSERT INTO client_secret (id, client_id, hash, expires_at) VALUES (@id, @client_id, @hash, @expires_at)
ON CONFLICT DO NOTHING;

-- name: ExpireClientSecrets :exec
-- Those that are valid now, sooner than they would.
UPDATE client_secret SET expires_at = @expires_at
 WHERE client_id = @client_id AND (expires_at IS NULL OR expires_at > @expires_at);

-- name: DeleteClientSecret :execrows
DELETE FROM client_secret WHERE client_id = @client_id AND id = @id;

-- name: DeleteDeadClientSecrets :exec
DELETE FROM client_secret WHERE client_id = @client_id AND expires_at <= now();

-- name: DeleteClientSecrets :exec
DELETE FROM client_secret WHERE client_id = @client_id;
