-- +goose Up

-- Who administers what, and what that needs: versions for edits that must not overwrite each other,
-- roles that include roles, who granted what and when, invitations, messages, a history of access.
--
-- Everything here only adds: the previous binary goes on working beside it.

-- The person or client on whose behalf a transaction writes, as in "usr_…". A transaction of the
-- administration says so with set_config('signet.actor', …, true); any other is the installation's.
-- +goose StatementBegin
CREATE FUNCTION signet_actor() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('signet.actor', true), ''), 'installation') $$;
-- +goose StatementEnd

-- Versions: the entity tags of what can be edited.
ALTER TABLE tenant
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}'; -- for declared claims
ALTER TABLE user_account
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE membership
    ADD COLUMN version      bigint NOT NULL DEFAULT 1,
    ADD COLUMN granted_by   text NOT NULL DEFAULT signet_actor(),
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN attributes   jsonb NOT NULL DEFAULT '{}'; -- for declared claims
ALTER TABLE membership_role
    ADD COLUMN granted_by text NOT NULL DEFAULT signet_actor(),
    ADD COLUMN granted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE role
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,
    ADD COLUMN template   text NOT NULL DEFAULT '', -- the built-in role that it was made from
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE role_permission
    ADD COLUMN granted_by text NOT NULL DEFAULT signet_actor(),
    ADD COLUMN granted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE resource_server
    ADD COLUMN id         uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN tenant_id  uuid REFERENCES tenant ON DELETE CASCADE, -- null: the installation's
    ADD COLUMN claims     jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
-- Lists by name are in the order of bytes, in which those that begin alike stand together.
CREATE INDEX resource_server_tenant ON resource_server (tenant_id, audience COLLATE "C");
CREATE INDEX resource_server_page ON resource_server (audience COLLATE "C");
-- Whatever was issued to a client before valid_from is void: what is left of another client that
-- had the id once, and what was issued before the client was disabled. One time instead of one
-- cutoff for each of its grants, of which there may be millions.
ALTER TABLE client
    ADD COLUMN claims     jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,
    ADD COLUMN valid_from timestamptz;
UPDATE client SET valid_from = created_at;
ALTER TABLE client ALTER COLUMN valid_from SET DEFAULT now(), ALTER COLUMN valid_from SET NOT NULL;
CREATE INDEX client_tenant ON client (tenant_id, id COLLATE "C");
CREATE INDEX client_page ON client (id COLLATE "C");
ALTER TABLE client_secret
    ADD COLUMN id         uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN created_by text NOT NULL DEFAULT signet_actor();

-- A grant that began as a switch from another tenant. Where it came from matters when a token of
-- that one is used twice: whoever stole it may have switched with it.
ALTER TABLE refresh_family ADD COLUMN switched_from uuid;
CREATE INDEX refresh_family_switched ON refresh_family (switched_from) WHERE switched_from IS NOT NULL;

-- Lists of many pages are read along these.
CREATE INDEX tenant_page ON tenant (created_at, id);
CREATE INDEX user_account_page ON user_account (created_at, id);
CREATE INDEX membership_page ON membership (tenant_id, created_at, user_id);
CREATE INDEX refresh_family_tenant ON refresh_family (tenant_id, id); -- identifiers grow with time
CREATE INDEX refresh_family_client ON refresh_family (client_id, id);

-- Who holds a role, and which roles hold a permission: for lists, for the rule that a tenant keeps
-- an administrator, and for what is deleted along with a role or a permission.
CREATE INDEX membership_role_holder ON membership_role (tenant_id, role, user_id);
CREATE INDEX role_permission_holder ON role_permission (audience, permission, tenant_id);

-- Whoever is removed from a tenant loses the grants that only their codes are left of, too: those of
-- clients that get no refresh tokens. There may be a day's codes of everybody.
CREATE INDEX authorization_code_user ON authorization_code (user_id);

-- People are searched by the beginning of their address, in byte order whatever the locale; the
-- members of a tenant along an index of their own, for which membership repeats the address.
CREATE INDEX user_account_address ON user_account (email_normalized COLLATE "C");
ALTER TABLE membership
    ADD COLUMN email_normalized text NOT NULL DEFAULT ''; -- kept by triggers
UPDATE membership m SET email_normalized = u.email_normalized FROM user_account u WHERE u.id = m.user_id;
CREATE INDEX membership_address ON membership (tenant_id, email_normalized COLLATE "C");
-- +goose StatementBegin
CREATE FUNCTION fill_member_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Waits for a change of the address that is under way; one that comes later waits for this row.
    SELECT u.email_normalized INTO NEW.email_normalized FROM user_account u WHERE u.id = NEW.user_id FOR KEY SHARE;
    NEW.email_normalized := coalesce(NEW.email_normalized, ''); -- nobody: the foreign key refuses it
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER member_address BEFORE INSERT ON membership
    FOR EACH ROW EXECUTE FUNCTION fill_member_address();
-- +goose StatementBegin
CREATE FUNCTION move_member_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE membership SET email_normalized = NEW.email_normalized WHERE user_id = NEW.id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER member_address AFTER UPDATE OF email_normalized ON user_account
    FOR EACH ROW WHEN (OLD.email_normalized IS DISTINCT FROM NEW.email_normalized) EXECUTE FUNCTION move_member_address();

-- Roles may include roles of the same tenant. role_reach is what they include directly or
-- through others, kept by a trigger so that reading what somebody may do follows no chain.

CREATE TABLE role_inclusion (
    tenant_id uuid NOT NULL,
    role      text NOT NULL,
    includes  text NOT NULL,
    PRIMARY KEY (tenant_id, role, includes),
    FOREIGN KEY (tenant_id, role) REFERENCES role ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, includes) REFERENCES role ON DELETE CASCADE
);
CREATE INDEX role_inclusion_includes ON role_inclusion (tenant_id, includes);

CREATE TABLE role_reach (
    tenant_id uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    role      text NOT NULL,
    reaches   text NOT NULL,
    PRIMARY KEY (tenant_id, role, reaches)
);

-- +goose StatementBegin
CREATE FUNCTION role_closure(t uuid) RETURNS TABLE (role text, reaches text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE reach AS (
        SELECT i.role, i.includes AS reaches FROM role_inclusion i WHERE i.tenant_id = t
        UNION
        SELECT r.role, i.includes FROM reach r JOIN role_inclusion i ON i.tenant_id = t AND i.role = r.reaches
    )
    SELECT reach.role, reach.reaches FROM reach
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION rebuild_role_reach() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    t uuid;
BEGIN
    FOR t IN SELECT DISTINCT tenant_id FROM changed ORDER BY tenant_id LOOP
        -- One change of a tenant's roles at a time: two that are harmless alone could make a cycle.
        PERFORM 1 FROM tenant WHERE id = t FOR NO KEY UPDATE;
        -- Every change of a tenant's roles reads all of it, and keeps a history.
        IF (SELECT count(*) FROM (SELECT 1 FROM role_closure(t) LIMIT 10001) c) > 10000 THEN
            RAISE EXCEPTION 'roles include too much' USING ERRCODE = 'check_violation', CONSTRAINT = 'role_reach_most';
        END IF;
        IF EXISTS (SELECT 1 FROM role_closure(t) c WHERE c.role = c.reaches) THEN
            RAISE EXCEPTION 'a role would include itself' USING ERRCODE = 'check_violation', CONSTRAINT = 'role_cycle';
        END IF;
        -- EXCEPT has it worked out once, not for each row.
        DELETE FROM role_reach rr USING (
            SELECT o.role, o.reaches FROM role_reach o WHERE o.tenant_id = t EXCEPT SELECT c.role, c.reaches FROM role_closure(t) c
        ) gone WHERE rr.tenant_id = t AND rr.role = gone.role AND rr.reaches = gone.reaches;
        INSERT INTO role_reach (tenant_id, role, reaches)
        SELECT t, c.role, c.reaches FROM role_closure(t) c ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER role_inclusion_added AFTER INSERT ON role_inclusion
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rebuild_role_reach();
CREATE TRIGGER role_inclusion_deleted AFTER DELETE ON role_inclusion
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rebuild_role_reach();

-- Everybody who holds such a role may do more or less now (channel signet_subject).
CREATE TRIGGER subjects_changed AFTER INSERT OR DELETE OR TRUNCATE ON role_reach
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();
-- Claims that a resource server declares are read with the client.
-- +goose StatementBegin
CREATE FUNCTION notify_all_clients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_client', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER resource_server_changed AFTER INSERT OR UPDATE OR DELETE ON resource_server
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_clients();

-- An audience that is registered again, perhaps by somebody else, is not the one that clients were
-- allowed to ask tokens for. This also holds for those that go with their tenant.
-- +goose StatementBegin
CREATE FUNCTION forget_audiences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    deleted text[] := ARRAY(SELECT audience FROM gone);
BEGIN
    UPDATE client SET
        audiences = ARRAY(SELECT a FROM unnest(audiences) WITH ORDINALITY AS x (a, n) WHERE a <> ALL (deleted) ORDER BY n),
        serves_audience = CASE WHEN serves_audience = ANY (deleted) THEN '' ELSE serves_audience END,
        version = version + 1, updated_at = now()
     WHERE audiences && deleted OR serves_audience = ANY (deleted);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER resource_server_deleted AFTER DELETE ON resource_server
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_audiences();

-- The state of what people may do: membership.access_version moves when the roles of a person
-- change, tenant.access_version when what any role of the tenant bundles or includes does. Replicas
-- that hold what somebody may do ask for it again only when one of them has moved.
ALTER TABLE tenant ADD COLUMN access_version bigint NOT NULL DEFAULT 1;
ALTER TABLE membership ADD COLUMN access_version bigint NOT NULL DEFAULT 1;
-- Whoever is removed and becomes a member again has a version that the former membership never had:
-- what was held then is not taken for what is held now.
CREATE SEQUENCE membership_access_version START 2;
ALTER TABLE membership ALTER COLUMN access_version SET DEFAULT nextval('membership_access_version');
-- +goose StatementBegin
CREATE FUNCTION move_access_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What this very transaction has made was seen by nobody.
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE tenant SET access_version = access_version + 1;
    ELSIF TG_TABLE_NAME = 'membership_role' THEN
        UPDATE membership m SET access_version = nextval('membership_access_version')
         WHERE (m.tenant_id, m.user_id) IN (SELECT c.tenant_id, c.user_id FROM changed c) AND NOT (m.created_at = now() AND m.xmin = pg_current_xact_id()::xid);
    ELSE
        UPDATE tenant t SET access_version = t.access_version + 1
         WHERE t.id IN (SELECT c.tenant_id FROM changed c) AND NOT (t.created_at = now() AND t.xmin = pg_current_xact_id()::xid);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER access_version_added AFTER INSERT ON membership_role
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_changed AFTER UPDATE ON membership_role
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_changed_to AFTER UPDATE ON membership_role
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_deleted AFTER DELETE ON membership_role
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_truncated AFTER TRUNCATE ON membership_role
    FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_added AFTER INSERT ON role_permission
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_changed AFTER UPDATE ON role_permission
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_changed_to AFTER UPDATE ON role_permission
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_deleted AFTER DELETE ON role_permission
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_truncated AFTER TRUNCATE ON role_permission
    FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_added AFTER INSERT ON role_reach
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_deleted AFTER DELETE ON role_reach
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();
CREATE TRIGGER access_version_truncated AFTER TRUNCATE ON role_reach
    FOR EACH STATEMENT EXECUTE FUNCTION move_access_version();

-- What a new tenant's roles are made from. The two built-in ones cannot be deleted.
CREATE TABLE role_template (
    name        text PRIMARY KEY,
    description text NOT NULL DEFAULT '',
    built_in    boolean NOT NULL DEFAULT false,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE role_template_permission (
    template   text NOT NULL REFERENCES role_template ON DELETE CASCADE,
    audience   text NOT NULL,
    permission text NOT NULL,
    PRIMARY KEY (template, audience, permission),
    FOREIGN KEY (audience, permission) REFERENCES permission ON DELETE CASCADE
);

-- The administration itself: a resource server like any other, whose permissions make
-- administrators, and the tenant whose administrators look after the whole installation.
INSERT INTO resource_server (audience, name) VALUES ('urn:signet:admin', 'Signet administration');
INSERT INTO permission (audience, slug, description) VALUES
    ('urn:signet:admin', 'tenant:read', 'See the organization, its people, roles and applications'),
    ('urn:signet:admin', 'tenant:manage', 'Change the organization, its people, roles and applications'),
    ('urn:signet:admin', 'audit:read', 'Read the audit log of the organization'),
    ('urn:signet:admin', 'installation:read', 'See everything of every organization'),
    ('urn:signet:admin', 'installation:manage', 'Change everything of every organization');
INSERT INTO role_template (name, description, built_in) VALUES
    ('admin', 'Administers the organization', true),
    ('member', 'Belongs to the organization', true);
INSERT INTO role_template_permission (template, audience, permission) VALUES
    ('admin', 'urn:signet:admin', 'tenant:read'),
    ('admin', 'urn:signet:admin', 'tenant:manage'),
    ('admin', 'urn:signet:admin', 'audit:read');
INSERT INTO tenant (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000001', 'signet', 'Signet administration')
    ON CONFLICT DO NOTHING;

-- Whatever a program forgets: permissions of the installation are held by roles of its own tenant
-- alone, and a role holds permissions of the installation's resource servers and of its tenant's.
ALTER TABLE role_permission ADD CONSTRAINT role_permission_installation CHECK (
    audience <> 'urn:signet:admin' OR permission NOT LIKE 'installation:%' OR tenant_id = '00000000-0000-7000-8000-000000000001');
ALTER TABLE role_template_permission ADD CONSTRAINT role_template_installation CHECK (
    audience <> 'urn:signet:admin' OR permission NOT LIKE 'installation:%');
-- +goose StatementBegin
CREATE FUNCTION refuse_foreign_permission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fresh f JOIN resource_server r ON r.audience = f.audience
                WHERE r.tenant_id IS NOT NULL AND r.tenant_id <> f.tenant_id) THEN
        RAISE EXCEPTION 'a permission of another tenant' USING ERRCODE = 'check_violation', CONSTRAINT = 'role_permission_foreign';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER permission_foreign AFTER INSERT ON role_permission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION refuse_foreign_permission();
CREATE TRIGGER permission_foreign_to AFTER UPDATE ON role_permission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION refuse_foreign_permission();
-- Templates make roles of every tenant.
-- +goose StatementBegin
CREATE FUNCTION refuse_owned_permission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fresh f JOIN resource_server r ON r.audience = f.audience WHERE r.tenant_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a permission of one tenant' USING ERRCODE = 'check_violation', CONSTRAINT = 'role_template_foreign';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER permission_foreign AFTER INSERT ON role_template_permission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION refuse_owned_permission();
CREATE TRIGGER permission_foreign_to AFTER UPDATE ON role_template_permission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION refuse_owned_permission();

INSERT INTO role (tenant_id, name, description) VALUES
    ('00000000-0000-7000-8000-000000000001', 'admin', 'Administers the installation'),
    ('00000000-0000-7000-8000-000000000001', 'auditor', 'Sees everything, changes nothing');
INSERT INTO role_permission (tenant_id, role, audience, permission) VALUES
    ('00000000-0000-7000-8000-000000000001', 'admin', 'urn:signet:admin', 'tenant:read'),
    ('00000000-0000-7000-8000-000000000001', 'admin', 'urn:signet:admin', 'tenant:manage'),
    ('00000000-0000-7000-8000-000000000001', 'admin', 'urn:signet:admin', 'audit:read'),
    ('00000000-0000-7000-8000-000000000001', 'admin', 'urn:signet:admin', 'installation:read'),
    ('00000000-0000-7000-8000-000000000001', 'admin', 'urn:signet:admin', 'installation:manage'),
    ('00000000-0000-7000-8000-000000000001', 'auditor', 'urn:signet:admin', 'installation:read'),
    ('00000000-0000-7000-8000-000000000001', 'auditor', 'urn:signet:admin', 'audit:read');
-- The command line's own registration.
INSERT INTO client (id, name, auth_method, redirect_uris, grant_types, scopes, audiences, skip_consent) VALUES
    ('signet-cli', 'Signet command line', 'none', '{http://127.0.0.1/callback,http://[::1]/callback}',
     '{authorization_code,refresh_token}', '{openid,profile,email,offline_access}', '{urn:signet:admin}', true);

-- A retried creation finds what the first attempt made. Nothing of the answer is kept.
CREATE TABLE idempotency_key (
    actor       text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    reference   text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_key_created ON idempotency_key (created_at);

-- Invitations and the links that messages carry: single-use, only their digests are stored.
CREATE TABLE invitation (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    email            text NOT NULL,
    email_normalized text NOT NULL,
    roles            text[] NOT NULL DEFAULT '{}',
    token_hash       bytea NOT NULL UNIQUE,
    invited_by       text NOT NULL DEFAULT signet_actor(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    accepted_at      timestamptz,
    accepted_by      uuid, -- a person, who may be deleted since
    revoked_at       timestamptz
);
CREATE INDEX invitation_page ON invitation (tenant_id, created_at, id);
CREATE INDEX invitation_expiry ON invitation (expires_at);
CREATE UNIQUE INDEX invitation_pending ON invitation (tenant_id, email_normalized)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE mail_link (
    token_hash       bytea PRIMARY KEY,
    purpose          text NOT NULL, -- verify_email or reset_password
    user_id          uuid NOT NULL REFERENCES user_account ON DELETE CASCADE,
    email_normalized text NOT NULL, -- the address that the link was sent to
    flow             text NOT NULL DEFAULT '', -- the sealed request to go on with
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz
);
CREATE INDEX mail_link_user ON mail_link (user_id, purpose);
CREATE INDEX mail_link_expiry ON mail_link (expires_at);

-- Messages wait here until a mail server has taken them. Their text holds links: it is sealed
-- under the master key, and the row goes when the message is sent.
CREATE TABLE mail_outbox (
    id              uuid PRIMARY KEY,
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    attempts        integer NOT NULL DEFAULT 0,
    last_error      text NOT NULL DEFAULT ''
);
CREATE INDEX mail_outbox_due ON mail_outbox (next_attempt_at);
-- +goose StatementBegin
CREATE FUNCTION notify_mail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_mail', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER mail_enqueued AFTER INSERT ON mail_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION notify_mail();

-- The audit log says who acted and on what. Events of one tenant or person are read along an
-- index; those of neither, as machines' tokens, cost none.
ALTER TABLE audit_event
    ADD COLUMN actor  text NOT NULL DEFAULT '', -- usr_… or a client id, when not the person or client of the event
    ADD COLUMN target text NOT NULL DEFAULT ''; -- what was acted upon
CREATE INDEX audit_event_tenant ON audit_event (tenant_id, at, id) WHERE tenant_id IS NOT NULL;
CREATE INDEX audit_event_user ON audit_event (user_id, at, id) WHERE user_id IS NOT NULL;

-- Who had access to what, and when: every membership, role and permission with the time from
-- which and until which it stood. Rows are closed, never deleted, and point at nothing, so that
-- they outlive what they are about.

CREATE TABLE access_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL, -- membership, role, reach, permission, user_disabled or tenant_disabled
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- membership, role
    role       text NOT NULL DEFAULT '', -- role, reach, permission
    reaches    text NOT NULL DEFAULT '', -- reach
    audience   text NOT NULL DEFAULT '', -- permission
    permission text NOT NULL DEFAULT '', -- permission
    since      timestamptz NOT NULL DEFAULT now(),
    until      timestamptz,              -- null: it stands
    since_by   text NOT NULL DEFAULT signet_actor(),
    until_by   text NOT NULL DEFAULT ''
);
CREATE INDEX access_history_people ON access_history (tenant_id, kind, user_id, role);
CREATE UNIQUE INDEX access_history_open ON access_history (tenant_id, kind, user_id, role, reaches, audience, permission)
    WHERE until IS NULL;

-- +goose StatementBegin
CREATE FUNCTION record_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_ARGV[0]
    WHEN 'membership' THEN
        IF TG_OP <> 'INSERT' THEN
            UPDATE access_history h SET until = now(), until_by = signet_actor() FROM gone g
             WHERE h.until IS NULL AND h.kind = 'membership' AND h.tenant_id = g.tenant_id AND h.user_id = g.user_id
               AND (TG_OP = 'DELETE' OR NOT EXISTS (
                    SELECT 1 FROM membership m WHERE m.tenant_id = g.tenant_id AND m.user_id = g.user_id AND m.suspended_at IS NULL));
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO access_history (kind, tenant_id, user_id)
            SELECT 'membership', f.tenant_id, f.user_id FROM fresh f WHERE f.suspended_at IS NULL
            ON CONFLICT DO NOTHING;
        END IF;
    WHEN 'role' THEN
        IF TG_OP = 'DELETE' THEN
            UPDATE access_history h SET until = now(), until_by = signet_actor() FROM gone g
             WHERE h.until IS NULL AND h.kind = 'role' AND h.tenant_id = g.tenant_id AND h.user_id = g.user_id AND h.role = g.role;
        ELSE
            INSERT INTO access_history (kind, tenant_id, user_id, role)
            SELECT 'role', f.tenant_id, f.user_id, f.role FROM fresh f ON CONFLICT DO NOTHING;
        END IF;
    WHEN 'reach' THEN
        IF TG_OP = 'DELETE' THEN
            UPDATE access_history h SET until = now(), until_by = signet_actor() FROM gone g
             WHERE h.until IS NULL AND h.kind = 'reach' AND h.tenant_id = g.tenant_id AND h.role = g.role AND h.reaches = g.reaches;
        ELSE
            INSERT INTO access_history (kind, tenant_id, role, reaches)
            SELECT 'reach', f.tenant_id, f.role, f.reaches FROM fresh f ON CONFLICT DO NOTHING;
        END IF;
    WHEN 'permission' THEN
        IF TG_OP = 'DELETE' THEN
            UPDATE access_history h SET until = now(), until_by = signet_actor() FROM gone g
             WHERE h.until IS NULL AND h.kind = 'permission' AND h.tenant_id = g.tenant_id AND h.role = g.role
               AND h.audience = g.audience AND h.permission = g.permission;
        ELSE
            INSERT INTO access_history (kind, tenant_id, role, audience, permission)
            SELECT 'permission', f.tenant_id, f.role, f.audience, f.permission FROM fresh f ON CONFLICT DO NOTHING;
        END IF;
    END CASE;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER access_granted AFTER INSERT ON membership
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_access('membership');
CREATE TRIGGER access_changed AFTER UPDATE ON membership
    REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_access('membership');
CREATE TRIGGER access_ended AFTER DELETE ON membership
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION record_access('membership');
CREATE TRIGGER access_granted AFTER INSERT ON membership_role
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_access('role');
CREATE TRIGGER access_ended AFTER DELETE ON membership_role
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION record_access('role');
CREATE TRIGGER access_granted AFTER INSERT ON role_reach
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_access('reach');
CREATE TRIGGER access_ended AFTER DELETE ON role_reach
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION record_access('reach');
CREATE TRIGGER access_granted AFTER INSERT ON role_permission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION record_access('permission');
CREATE TRIGGER access_ended AFTER DELETE ON role_permission
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION record_access('permission');

-- The history is closed, never rewritten.
-- +goose StatementBegin
CREATE FUNCTION refuse_access_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.until IS NULL AND NEW.until IS NOT NULL
       AND (OLD.id, OLD.kind, OLD.tenant_id, OLD.user_id, OLD.role, OLD.reaches, OLD.audience, OLD.permission, OLD.since, OLD.since_by)
         = (NEW.id, NEW.kind, NEW.tenant_id, NEW.user_id, NEW.role, NEW.reaches, NEW.audience, NEW.permission, NEW.since, NEW.since_by) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'access_history is append-only';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER access_history_append_only BEFORE UPDATE OR DELETE ON access_history
    FOR EACH ROW EXECUTE FUNCTION refuse_access_rewrite();
CREATE TRIGGER access_history_no_truncate BEFORE TRUNCATE ON access_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_access_rewrite();

-- Times at which a person or a tenant was disabled: whatever they held then gave no access.
-- +goose StatementBegin
CREATE FUNCTION record_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    t uuid := CASE TG_TABLE_NAME WHEN 'tenant' THEN NEW.id ELSE '00000000-0000-0000-0000-000000000000' END;
    u uuid := CASE TG_TABLE_NAME WHEN 'tenant' THEN '00000000-0000-0000-0000-000000000000' ELSE NEW.id END;
    k text := CASE TG_TABLE_NAME WHEN 'tenant' THEN 'tenant_disabled' ELSE 'user_disabled' END;
BEGIN
    IF NEW.disabled_at IS NULL THEN
        UPDATE access_history SET until = now(), until_by = signet_actor()
         WHERE until IS NULL AND kind = k AND tenant_id = t AND user_id = u;
    ELSE
        INSERT INTO access_history (kind, tenant_id, user_id) VALUES (k, t, u) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER access_disabled AFTER UPDATE OF disabled_at ON user_account FOR EACH ROW
    WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at) EXECUTE FUNCTION record_disabled();
CREATE TRIGGER access_disabled AFTER UPDATE OF disabled_at ON tenant FOR EACH ROW
    WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at) EXECUTE FUNCTION record_disabled();

-- What stood before this history began has stood since it was made, as far as is known.
INSERT INTO access_history (kind, tenant_id, user_id, since, since_by)
SELECT 'membership', tenant_id, user_id, created_at, 'installation' FROM membership ON CONFLICT DO NOTHING;
INSERT INTO access_history (kind, tenant_id, user_id, role, since, since_by)
SELECT 'role', mr.tenant_id, mr.user_id, mr.role, m.created_at, 'installation'
  FROM membership_role mr JOIN membership m USING (tenant_id, user_id) ON CONFLICT DO NOTHING;
INSERT INTO access_history (kind, tenant_id, role, audience, permission, since, since_by)
SELECT 'permission', rp.tenant_id, rp.role, rp.audience, rp.permission, t.created_at, 'installation'
  FROM role_permission rp JOIN tenant t ON t.id = rp.tenant_id ON CONFLICT DO NOTHING;
INSERT INTO access_history (kind, tenant_id, user_id, since, since_by)
SELECT 'user_disabled', '00000000-0000-0000-0000-000000000000', id, disabled_at, 'installation' FROM user_account WHERE disabled_at IS NOT NULL
UNION ALL
SELECT 'tenant_disabled', id, '00000000-0000-0000-0000-000000000000', disabled_at, 'installation' FROM tenant WHERE disabled_at IS NOT NULL
ON CONFLICT DO NOTHING;
