-- +goose Up

-- People sign in through providers of others: which ones there are, who is who there, and the
-- domains of e-mail addresses that lead to them.
--
-- Everything here only adds: the previous binary goes on working beside it.

CREATE TABLE connector (
    id                  uuid PRIMARY KEY,
    -- What addresses and the parameter connector say: "google", or "acme.okta" for a tenant's. It
    -- never changes, for it is in the redirect URI that the provider has registered.
    reference           text NOT NULL UNIQUE,
    slug                text NOT NULL,
    tenant_id           uuid REFERENCES tenant ON DELETE CASCADE,  -- whose it is; null: the installation's
    joins_tenant_id     uuid REFERENCES tenant ON DELETE SET NULL, -- of the installation's: where new people belong
    kind                text NOT NULL,                             -- google, github or oidc
    name                text NOT NULL,
    issuer              text NOT NULL,                             -- of github: the base URL of its pages
    client_id           text NOT NULL,
    sealed_secret       bytea,                                     -- null: a public client
    scopes              text[] NOT NULL DEFAULT '{}',              -- beyond those that are always asked for
    hosted_domains      text[] NOT NULL DEFAULT '{}',              -- google: hd has to be one of them
    assume_verified     boolean NOT NULL DEFAULT false,            -- the provider does not say whether addresses are
    authoritative       boolean NOT NULL DEFAULT false,            -- for the verified domains of its tenant
    provision           boolean NOT NULL DEFAULT false,            -- whoever is new gets an account and a membership
    default_roles       text[] NOT NULL DEFAULT '{}',
    groups_claim        text NOT NULL DEFAULT '',
    role_mappings       jsonb NOT NULL DEFAULT '[]',
    keep_tokens         boolean NOT NULL DEFAULT false,
    hidden              boolean NOT NULL DEFAULT false,            -- not offered to whoever does not ask for it
    managed_by          text NOT NULL DEFAULT '',                  -- "environment", or whoever may edit it
    created_by          text NOT NULL DEFAULT signet_actor(),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    disabled_at         timestamptz,
    version             bigint NOT NULL DEFAULT 1,
    -- People of a tenant's connector join that tenant.
    CONSTRAINT connector_joins CHECK (tenant_id IS NULL OR joins_tenant_id IS NULL)
);
CREATE UNIQUE INDEX connector_slug ON connector (tenant_id, slug);
CREATE INDEX connector_page ON connector (created_at, id);
CREATE INDEX connector_joins_tenant ON connector (joins_tenant_id) WHERE joins_tenant_id IS NOT NULL;

-- The domains of e-mail addresses that tenants claim. Any number may claim one; it counts for the
-- one that has proven it.
CREATE TABLE tenant_domain (
    tenant_id     uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    domain        text NOT NULL,                                    -- lower case, in ASCII (RFC 5891)
    connector_id  uuid REFERENCES connector ON DELETE SET NULL,     -- where its people are sent
    challenge     text NOT NULL,                                    -- what its TXT record has to say
    verified_at   timestamptz,
    verified_by   text NOT NULL DEFAULT '',                         -- "dns", or the administrator who vouched
    checked_at    timestamptz,                                      -- when its record was looked for last, since
    missing_since timestamptz,                                      -- when it was not there for the first time, since it last was
    created_by    text NOT NULL DEFAULT signet_actor(),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, domain)
);
CREATE UNIQUE INDEX tenant_domain_verified ON tenant_domain (domain) WHERE verified_at IS NOT NULL;
CREATE INDEX tenant_domain_connector ON tenant_domain (connector_id) WHERE connector_id IS NOT NULL;

-- Whether the tenant is entered through its own connectors alone.
ALTER TABLE tenant ADD COLUMN only_connectors boolean NOT NULL DEFAULT false;

-- Who somebody is at a provider. Never the address: it may belong to somebody else tomorrow
-- (OpenID Connect Core 1.0 §5.7).
CREATE TABLE identity (
    id            uuid PRIMARY KEY,
    connector_id  uuid NOT NULL REFERENCES connector ON DELETE CASCADE,
    issuer        text NOT NULL,
    subject       text NOT NULL,
    user_id       uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    email         text NOT NULL DEFAULT '', -- as the provider said it last
    label         text NOT NULL DEFAULT '', -- by which people recognise it: a login name, or a name
    names         jsonb NOT NULL DEFAULT '{}', -- what the account was given last; what differs since was changed by hand
    sealed_tokens bytea,
    linked_at     timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX identity_subject ON identity (connector_id, issuer, subject);
CREATE INDEX identity_user ON identity (user_id);
CREATE INDEX identity_page ON identity (connector_id, linked_at, id);

-- The roles that an identity gave to its person, which go when the provider stops saying so. A role
-- that the person was given by hand is not among them; and once it is taken by hand, nor is that.
CREATE TABLE identity_role (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    role        text NOT NULL,
    identity_id uuid NOT NULL REFERENCES identity ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, user_id, role, identity_id),
    FOREIGN KEY (tenant_id, user_id, role) REFERENCES membership_role ON DELETE CASCADE
);
CREATE INDEX identity_role_identity ON identity_role (identity_id);

-- How a session began. Not a foreign key: a session outlives what it began with, but no longer
-- counts as entered through it.
ALTER TABLE browser_session
    ADD COLUMN connector_id uuid,
    ADD COLUMN identity_id  uuid,
    ADD COLUMN upstream_sid text NOT NULL DEFAULT ''; -- the provider's name of its session
CREATE INDEX browser_session_identity ON browser_session (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX browser_session_upstream ON browser_session (connector_id, upstream_sid) WHERE upstream_sid <> '';

-- A sign-in that is under way at a provider. state is known to the browser and the provider, its
-- digest here; what it takes to go on is sealed.
CREATE TABLE upstream_attempt (
    state_hash   bytea PRIMARY KEY,
    browser_hash bytea NOT NULL, -- of the cookie of the browser that began
    connector_id uuid NOT NULL REFERENCES connector ON DELETE CASCADE,
    user_id      uuid REFERENCES user_account ON DELETE CASCADE, -- to link: whose account
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    consumed_at  timestamptz,
    strayed_at   timestamptz -- first brought by another browser, or too late
);
CREATE INDEX upstream_attempt_expiry ON upstream_attempt (expires_at);
CREATE INDEX upstream_attempt_user ON upstream_attempt (user_id) WHERE user_id IS NOT NULL; -- for accounts that go

-- Somebody is proven by a provider and has an account that is not linked yet: what the provider
-- said, sealed, until the owner of the account has signed in to it.
CREATE TABLE pending_link (
    token_hash   bytea PRIMARY KEY,
    browser_hash bytea NOT NULL,
    connector_id uuid NOT NULL REFERENCES connector ON DELETE CASCADE,
    user_id      uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX pending_link_user ON pending_link (user_id);
CREATE INDEX pending_link_expiry ON pending_link (expires_at);

-- Logout tokens that were heeded: each works once (OpenID Connect Back-Channel Logout 1.0 §2.6).
CREATE TABLE upstream_logout (
    connector_id uuid NOT NULL REFERENCES connector ON DELETE CASCADE,
    jti_hash     bytea NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (connector_id, jti_hash)
);
CREATE INDEX upstream_logout_expiry ON upstream_logout (expires_at);

-- What replicas keep of connectors and domains is dropped when any of it changes (channel
-- signet_connector, without a payload): that is rare.
-- +goose StatementBegin
CREATE FUNCTION notify_connectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_connector', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER connectors_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON connector
    FOR EACH STATEMENT EXECUTE FUNCTION notify_connectors();
-- That the record of a domain was looked for changes nothing that they keep.
CREATE TRIGGER connectors_changed AFTER INSERT OR UPDATE OF connector_id, verified_at OR DELETE OR TRUNCATE ON tenant_domain
    FOR EACH STATEMENT EXECUTE FUNCTION notify_connectors();
CREATE TRIGGER connectors_changed AFTER UPDATE OF only_connectors, disabled_at ON tenant
    FOR EACH STATEMENT EXECUTE FUNCTION notify_connectors();
