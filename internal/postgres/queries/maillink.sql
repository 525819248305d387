-- name: LockUser :one
-- Changes of what proves a person follow each other, and take their locks in the same order.
SELECT * FROM user_account WHERE id = @id FOR NO KEY UPDATE;

-- name: InsertMailLink :execrows
-- Nothing is stored when the person's address is no longer the one that the message goes to.
INSERT INTO mail_link (token_hash, purpose, user_id, email_normalized, flow, created_at, expires_at)
SELECT @token_hash, @purpose, u.id, u.email_normalized, @flow, @created_at, @expires_at
  FROM user_account u
 WHERE u.id = @user_id AND u.email_normalized = @email_normalized AND u.disabled_at IS NULL;

-- name: FindMailLink :one
SELECT sqlc.embed(l), sqlc.embed(u) FROM mail_link l JOIN user_account u ON u.id = l.user_id
 WHERE l.token_hash = @token_hash AND l.purpose = @purpose AND l.used_at IS NULL AND l.expires_at > @now::timestamptz
   AND u.email_normalized = l.email_normalized AND u.disabled_at IS NULL;

-- name: LockMailLinkUser :one
SELECT u.* FROM mail_link l JOIN user_account u ON u.id = l.user_id
 WHERE l.token_hash = @token_hash AND l.purpose = @purpose
   FOR NO KEY UPDATE OF u;

-- name: UseMailLink :one
-- A statement of its own after LockMailLinkUser, so that it sees what those waited for have done.
UPDATE mail_link l SET used_at = @now::timestamptz
  FROM user_account u
 WHERE l.token_hash = @token_hash AND l.purpose = @purpose AND l.used_at IS NULL AND l.expires_at > @now::timestamptz
   AND u.id = l.user_id AND u.email_normalized = l.email_normalized AND u.disabled_at IS NULL
RETURNING l.*;

-- name: VoidMailLinks :exec
UPDATE mail_link SET used_at = now() WHERE user_id = @user_id AND purpose = @purpose AND used_at IS NULL;

-- name: VerifyEmail :execrows
UPDATE user_account SET email_verified = true, version = version + 1, updated_at = now()
 WHERE id = @id AND NOT email_verified;

-- name: DeleteOldMailLinks :execrows
DELETE FROM mail_link WHERE ctid IN (
    SELECT l.ctid FROM mail_link l WHERE l.expires_at < now() - interval '1 day'
     ORDER BY l.expires_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
