-- +goose Up

-- Every replica holds the live cutoffs in memory; new ones are announced to all of them
-- (channel signet_cutoff) when the transaction that stores them commits. The payload is the
-- expiry in Unix seconds, the kind and the subject, separated by blanks.

-- +goose StatementBegin
CREATE FUNCTION notify_cutoff() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_cutoff', ceil(extract(epoch FROM NEW.expires_at))::bigint || ' ' || NEW.kind || ' ' || NEW.subject);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER revocation_announced AFTER INSERT OR UPDATE ON revocation
    FOR EACH ROW EXECUTE FUNCTION notify_cutoff();
