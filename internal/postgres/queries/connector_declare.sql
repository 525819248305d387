-- name: LockDeclarations :exec
-- Replicas that start together take turns.
SELECT pg_advisory_xact_lock(hashtextextended('signet.connectors', 0));

-- name: FindInstallationConnector :one
SELECT * FROM connector WHERE tenant_id IS NULL AND reference = @reference FOR NO KEY UPDATE;

-- name: DeclareConnector :exec
INSERT INTO connector (id, reference, slug, joins_tenant_id, kind, name, issuer, client_id, sealed_secret, scopes, hosted_domains,
                       assume_verified, authoritative, provision, default_roles, groups_claim, role_mappings, keep_tokens, hidden, managed_by)
VALUES (@id, @reference, @slug, @joins_tenant_id, @kind, @name, @issuer, @client_id, @sealed_secret, @scopes, @hosted_domains,
        @assume_verified, @authoritative, @provision, @default_roles, @groups_claim, @role_mappings, @keep_tokens, @hidden, @managed_by)
ON CONFLICT (id) DO UPDATE SET
    joins_tenant_id = excluded.joins_tenant_id, kind = excluded.kind, name = excluded.name, issuer = excluded.issuer,
    client_id = excluded.client_id, sealed_secret = excluded.sealed_secret, scopes = excluded.scopes,
    hosted_domains = excluded.hosted_domains, assume_verified = excluded.assume_verified,
    authoritative = excluded.authoritative, provision = excluded.provision, default_roles = excluded.default_roles,
    groups_claim = excluded.groups_claim, role_mappings = excluded.role_mappings, keep_tokens = excluded.keep_tokens,
    hidden = excluded.hidden, managed_by = excluded.managed_by, disabled_at = NULL,
    version = connector.version + 1, updated_at = now();

-- name: InstallDomain :exec
INSERT INTO tenant_domain (tenant_id, domain, connector_id, challenge, verified_at, verified_by)
SELECT @tenant_id::uuid, @domain::text, (SELECT c.id FROM connector c WHERE c.reference = @connector::text), @challenge::text, now(), signet_actor()
ON CONFLICT DO NOTHING;

-- name: ReleaseConnectors :many
-- What was declared and is no more: disabled, and from now on anybody's to edit.
UPDATE connector SET managed_by = '', disabled_at = coalesce(disabled_at, now()), version = version + 1, updated_at = now()
 WHERE tenant_id IS NULL AND managed_by = 'environment' AND reference <> ALL(@declared::text[])
RETURNING id, reference;
