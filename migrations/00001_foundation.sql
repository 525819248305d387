-- +goose Up

-- Who exists and who belongs where. The tenant is the first column of every key below it.

CREATE TABLE tenant (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

CREATE TABLE user_account (
    id               uuid PRIMARY KEY,
    email            text NOT NULL,
    email_normalized text NOT NULL UNIQUE,
    email_verified   boolean NOT NULL DEFAULT false,
    name             text NOT NULL DEFAULT '',
    given_name       text NOT NULL DEFAULT '',
    family_name      text NOT NULL DEFAULT '',
    picture          text NOT NULL DEFAULT '',
    locale           text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    disabled_at      timestamptz
);

-- A table of its own, so that no query about people can return a password hash by accident.
CREATE TABLE password_credential (
    user_id    uuid PRIMARY KEY REFERENCES user_account ON DELETE CASCADE,
    encoded    text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE membership (
    tenant_id  uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    user_id    uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX membership_user ON membership (user_id);

CREATE TABLE role (
    tenant_id   uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE membership_role (
    tenant_id uuid NOT NULL,
    user_id   uuid NOT NULL,
    role      text NOT NULL,
    PRIMARY KEY (tenant_id, user_id, role),
    FOREIGN KEY (tenant_id, user_id) REFERENCES membership ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role) REFERENCES role ON DELETE CASCADE
);

CREATE TABLE resource_server (
    audience text PRIMARY KEY,
    name     text NOT NULL
);

CREATE TABLE permission (
    audience    text NOT NULL REFERENCES resource_server ON DELETE CASCADE,
    slug        text NOT NULL,
    description text NOT NULL DEFAULT '',
    PRIMARY KEY (audience, slug)
);

CREATE TABLE role_permission (
    tenant_id  uuid NOT NULL,
    role       text NOT NULL,
    audience   text NOT NULL,
    permission text NOT NULL,
    PRIMARY KEY (tenant_id, role, audience, permission),
    FOREIGN KEY (tenant_id, role) REFERENCES role ON DELETE CASCADE,
    FOREIGN KEY (audience, permission) REFERENCES permission ON DELETE CASCADE
);

-- Clients. tenant_id is null when the installation owns the client.

CREATE TABLE client (
    id                         text PRIMARY KEY,
    tenant_id                  uuid REFERENCES tenant ON DELETE CASCADE,
    name                       text NOT NULL,
    auth_method                text NOT NULL,
    redirect_uris              text[] NOT NULL DEFAULT '{}',
    post_logout_redirect_uris  text[] NOT NULL DEFAULT '{}',
    grant_types                text[] NOT NULL DEFAULT '{}',
    scopes                     text[] NOT NULL DEFAULT '{}',
    audiences                  text[] NOT NULL DEFAULT '{}', -- what it may ask tokens for
    serves_audience            text NOT NULL DEFAULT '',     -- the resource server that it is
    pkce_optional              boolean NOT NULL DEFAULT false,
    skip_consent               boolean NOT NULL DEFAULT false,
    id_token_algorithm         text NOT NULL DEFAULT '',
    access_token_seconds       integer NOT NULL DEFAULT 0,
    policy_uri                 text NOT NULL DEFAULT '',
    terms_uri                  text NOT NULL DEFAULT '',
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    disabled_at                timestamptz
);

CREATE TABLE client_secret (
    client_id  text NOT NULL REFERENCES client ON DELETE CASCADE,
    hash       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (client_id, hash)
);

CREATE TABLE client_origin (
    origin    text NOT NULL,
    client_id text NOT NULL REFERENCES client ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origin_client ON client_origin (client_id);

-- What replicas cache about clients is dropped when it changes (channel signet_client).
-- +goose StatementBegin
CREATE FUNCTION notify_client_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'client' THEN
        PERFORM pg_notify('signet_client', coalesce(NEW.id, OLD.id));
    ELSE
        PERFORM pg_notify('signet_client', coalesce(NEW.client_id, OLD.client_id));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER client_changed AFTER INSERT OR UPDATE OR DELETE ON client
    FOR EACH ROW EXECUTE FUNCTION notify_client_change();
CREATE TRIGGER client_secret_changed AFTER INSERT OR UPDATE OR DELETE ON client_secret
    FOR EACH ROW EXECUTE FUNCTION notify_client_change();
CREATE TRIGGER client_origin_changed AFTER INSERT OR UPDATE OR DELETE ON client_origin
    FOR EACH ROW EXECUTE FUNCTION notify_client_change();

-- Browser sessions. The browser holds the token, we its digest. expires_at moves at every
-- use and is in no index, so that an update stays on its page.

CREATE TABLE browser_session (
    id               uuid PRIMARY KEY,
    token_hash       bytea NOT NULL UNIQUE,
    user_id          uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    created_at       timestamptz NOT NULL,
    authenticated_at timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    absolute_expiry  timestamptz NOT NULL,
    acr              text NOT NULL,
    amr              text[] NOT NULL,
    user_agent       text NOT NULL DEFAULT '',
    address          text NOT NULL DEFAULT '',
    ended_at         timestamptz
) WITH (fillfactor = 70);
CREATE INDEX browser_session_user ON browser_session (user_id);
CREATE INDEX browser_session_expiry ON browser_session (absolute_expiry);

-- Failed sign-ins by account, address and device. Keys are MACs: who tried is not readable.
-- The times move at every attempt and are in no index.
CREATE TABLE sign_in_throttle (
    key            bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    failures       integer NOT NULL CHECK (failures >= 0),
    window_ends_at timestamptz NOT NULL,
    blocked_until  timestamptz NOT NULL
) WITH (fillfactor = 70);

-- Grants.

CREATE TABLE consent (
    tenant_id  uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    user_id    uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    client_id  text NOT NULL REFERENCES client ON DELETE CASCADE,
    scopes     text[] NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id, client_id)
);

-- No foreign keys on the two hot tables: what they name is checked by the statement that
-- reads them, and a redemption must not lock the rows of a tenant or a client.
CREATE TABLE authorization_code (
    hash             bytea PRIMARY KEY,
    grant_id         uuid NOT NULL,
    tenant_id        uuid NOT NULL,
    user_id          uuid NOT NULL,
    client_id        text NOT NULL,
    session_id       uuid NOT NULL,
    offline          boolean NOT NULL,
    redirect_uri     text NOT NULL,
    code_challenge   text NOT NULL,
    nonce            text NOT NULL,
    scopes           text[] NOT NULL,
    audiences        text[] NOT NULL,
    acr              text NOT NULL,
    amr              text[] NOT NULL,
    authenticated_at timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    consumed_at      timestamptz
) WITH (fillfactor = 70);
CREATE INDEX authorization_code_expiry ON authorization_code (expires_at);

CREATE TABLE refresh_family (
    id               uuid PRIMARY KEY, -- the grant's id
    tenant_id        uuid NOT NULL,
    user_id          uuid NOT NULL,
    client_id        text NOT NULL,
    session_id       uuid NOT NULL,
    offline          boolean NOT NULL,
    generation       integer NOT NULL DEFAULT 0,
    scopes           text[] NOT NULL,
    audiences        text[] NOT NULL,
    acr              text NOT NULL,
    amr              text[] NOT NULL,
    authenticated_at timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    rotated_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    max_expires_at   timestamptz NOT NULL,
    revoked_at       timestamptz
) WITH (fillfactor = 70);
CREATE INDEX refresh_family_session ON refresh_family (session_id);
CREATE INDEX refresh_family_user ON refresh_family (user_id);
CREATE INDEX refresh_family_expiry ON refresh_family (max_expires_at);

-- Cutoffs: tokens that name the subject are void.

CREATE TABLE revocation (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    subject    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX revocation_expiry ON revocation (expires_at);

-- Keys and secrets, sealed under the master key.

CREATE TABLE signing_key (
    kid          text PRIMARY KEY,
    algorithm    text NOT NULL,
    public_jwk   jsonb NOT NULL,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz,
    activated_at timestamptz,
    retired_at   timestamptz,
    removed_at   timestamptz,
    max_expiry   timestamptz
);

CREATE TABLE system_secret (
    purpose    text NOT NULL,
    version    integer NOT NULL,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, version)
);

-- +goose StatementBegin
CREATE FUNCTION notify_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_keys', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER signing_key_changed
    AFTER INSERT OR DELETE OR UPDATE OF published_at, activated_at, retired_at, removed_at ON signing_key
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();

-- The audit log: append-only, a partition a month; the default one takes what comes before
-- the month's own has been made.

CREATE TABLE audit_event (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    action     text NOT NULL,
    tenant_id  uuid,
    user_id    uuid,
    client_id  text NOT NULL DEFAULT '',
    session_id uuid,
    grant_id   uuid,
    token_id   text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    detail     jsonb,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE TABLE audit_event_default PARTITION OF audit_event DEFAULT;

-- +goose StatementBegin
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_event is append-only';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
-- Triggers for TRUNCATE are not inherited; a month's own partition is dropped when it is old.
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_event_default_no_truncate BEFORE TRUNCATE ON audit_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
