-- +goose Up

-- Every replica keeps in memory what tokens say about people; changes are announced to all of
-- them (channel signet_subject) when the transaction that makes them commits. The payload is the
-- UUID of the person of whom something changed, or empty when that may be anybody.
--
-- The triggers are on the tables that the statement FindSubject reads. Whatever else belongs to a
-- role or a tenant reaches them by its cascade. They fire once for a statement, so that loading or
-- deleting many rows announces once.

-- For tables whose rows concern one person each.
-- +goose StatementBegin
CREATE FUNCTION notify_subject() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    people   uuid[];
    too_many CONSTANT integer := 50; -- beyond that, forgetting everybody is cheaper
BEGIN
    IF TG_TABLE_NAME = 'user_account' THEN
        people := ARRAY(SELECT id FROM changed LIMIT too_many + 1);
    ELSE
        people := ARRAY(SELECT user_id FROM changed LIMIT too_many + 1);
    END IF;
    IF cardinality(people) > too_many THEN
        PERFORM pg_notify('signet_subject', '');
    ELSE
        PERFORM pg_notify('signet_subject', person::text) FROM unnest(people) AS person;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- For what concerns everybody who holds a role or belongs to a tenant.
-- +goose StatementBegin
CREATE FUNCTION notify_all_subjects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('signet_subject', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- A trigger sees the rows of one kind of event, and the old ones or the new ones. Who is not an
-- active member is kept nowhere, so new people and new memberships need no announcement.

CREATE TRIGGER subject_changed AFTER UPDATE ON user_account
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subject_deleted AFTER DELETE ON user_account
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subjects_truncated AFTER TRUNCATE ON user_account
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();

CREATE TRIGGER subject_changed AFTER UPDATE ON membership
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subject_deleted AFTER DELETE ON membership
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subjects_truncated AFTER TRUNCATE ON membership
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();

CREATE TRIGGER subject_added AFTER INSERT ON membership_role
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subject_changed AFTER UPDATE ON membership_role
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subject_changed_to AFTER UPDATE ON membership_role
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subject_deleted AFTER DELETE ON membership_role
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_subject();
CREATE TRIGGER subjects_truncated AFTER TRUNCATE ON membership_role
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();

CREATE TRIGGER subjects_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON role_permission
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();
CREATE TRIGGER subjects_changed AFTER UPDATE OR DELETE OR TRUNCATE ON tenant
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_subjects();
