-- Keys that rotate by themselves: what became of a key besides the times of its life, how
-- resource servers have their tokens signed, and who was seen to hold which set of keys.

-- +goose Up

ALTER TABLE signing_key
    -- When the key was said to be stolen. Nothing that it signed is believed any more.
    ADD COLUMN compromised_at timestamptz,
    -- When the private half was destroyed; sealed holds the public half from then on.
    ADD COLUMN erased_at timestamptz,
    -- Where the private half is: '' for sealed itself, else the name of a custodian (pkcs11), to
    -- which what is sealed is a reference.
    ADD COLUMN custodian text NOT NULL DEFAULT '';

DROP TRIGGER signing_key_changed ON signing_key;
CREATE TRIGGER signing_key_changed
    AFTER INSERT OR DELETE OR UPDATE OF sealed, published_at, activated_at, retired_at, removed_at, compromised_at ON signing_key
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();

ALTER TABLE resource_server
    -- Of access tokens for it; '' is the server's default.
    ADD COLUMN signing_algorithm text NOT NULL DEFAULT '' CHECK (signing_algorithm IN ('', 'ES256', 'RS256', 'EdDSA'));

-- Whatever anybody chose is looked up all the time, and most choose nothing.
CREATE INDEX client_algorithm ON client (id_token_algorithm) WHERE id_token_algorithm <> '';
CREATE INDEX resource_server_algorithm ON resource_server (signing_algorithm) WHERE signing_algorithm <> '';

-- Who asked for the JWKS with the entity tag of the set they hold (RFC 9110 §13.1.2). It is
-- information for operators; nothing is decided by it.
CREATE TABLE jwks_holder (
    address inet NOT NULL,
    agent   text NOT NULL, -- User-Agent, shortened
    etag    text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (address, agent)
) WITH (fillfactor = 70); -- no index on what changes every minute: the table is small
