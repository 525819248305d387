-- name: FindClient :one
SELECT sqlc.embed(c), coalesce(t.slug, '')::text AS tenant_slug, (t.disabled_at IS NOT NULL)::boolean AS tenant_disabled,
       coalesce((SELECT array_agg(s.hash ORDER BY s.created_at, s.hash) FROM client_secret s
                  WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now())), '{}')::bytea[] AS secret_hashes,
       coalesce((SELECT array_agg(coalesce(s.expires_at, '9999-12-31 00:00:00Z') ORDER BY s.created_at, s.hash) FROM client_secret s
                  WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now())), '{}')::timestamptz[] AS secret_expiries,
       coalesce((SELECT array_agg(o.origin) FROM client_origin o WHERE o.client_id = c.id), '{}')::text[] AS origins,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('audience', rs.audience, 'claims', rs.claims) ORDER BY rs.audience), '[]')
          FROM resource_server rs
         WHERE rs.audience = ANY (c.audiences) AND rs.tenant_id IS NULL AND rs.claims <> '[]')::jsonb AS declarations,
       (SELECT coalesce(jsonb_object_agg(rs.audience, rs.signing_algorithm), 'null')
          FROM resource_server rs
         WHERE rs.audience = ANY (c.audiences) AND rs.signing_algorithm <> '')::jsonb AS token_algorithms
  FROM client c LEFT JOIN tenant t ON t.id = c.tenant_id
 WHERE c.id = @id;

-- name: OriginRegistered :one
SELECT EXISTS (SELECT 1 FROM client_origin WHERE origin = @origin);

-- name: UpsertClient :exec
INSERT INTO client (id, tenant_id, name, auth_method, redirect_uris, post_logout_redirect_uris, grant_types, scopes,
                    audiences, serves_audience, pkce_optional, skip_consent, id_token_algorithm, access_token_seconds, policy_uri, terms_uri)
VALUES (@id, @tenant_id, @name, @auth_method, @redirect_uris, @post_logout_redirect_uris, @grant_types, @scopes,
        @audiences, @serves_audience, @pkce_optional, @skip_consent, @id_token_algorithm, @access_token_seconds, @policy_uri, @terms_uri)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, auth_method = excluded.auth_method, redirect_uris = excluded.redirect_uris,
    post_logout_redirect_uris = excluded.post_logout_redirect_uris, grant_types = excluded.grant_types,
    scopes = excluded.scopes, audiences = excluded.audiences, serves_audience = excluded.serves_audience, pkce_optional = excluded.pkce_optional,
    skip_consent = excluded.skip_consent, id_token_algorithm = excluded.id_token_algorithm,
    access_token_seconds = excluded.access_token_seconds, policy_uri = excluded.policy_uri,
    terms_uri = excluded.terms_uri, updated_at = now(), version = client.version + 1;

-- name: SetClientOrigins :exec
WITH gone AS (
    DELETE FROM client_origin WHERE client_id = @client_id AND NOT origin = ANY (@origins::text[])
)
INSERT INTO client_origin (origin, client_id)
SELECT o, @client_id FROM unnest(@origins::text[]) AS o
ON CONFLICT DO NOTHING;

-- name: AddClientSecret :exec
INSERT INTO client_secret (client_id, hash, expires_at) VALUES (@client_id, @hash, @expires_at)
ON CONFLICT (client_id, hash) DO NOTHING;
