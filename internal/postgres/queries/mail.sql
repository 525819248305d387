-- name: EnqueueMail :exec
INSERT INTO mail_outbox (id, sealed) VALUES (@id, @sealed);

-- name: ClaimMail :many
-- The lease is next_attempt_at itself: should whoever claimed these rows end, they are due again
-- after it. The attempt is counted first, so that a message that ends its sender gives up too.
-- Materialized, or a plan may run the inner statement, and lock and skip, more than once.
WITH due AS MATERIALIZED (
    SELECT id FROM mail_outbox WHERE next_attempt_at <= now()
    ORDER BY next_attempt_at, id LIMIT @most::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE mail_outbox m SET next_attempt_at = now() + @lease::interval, attempts = m.attempts + 1
FROM due WHERE m.id = due.id
RETURNING m.id, m.sealed, m.created_at, m.attempts;

-- name: DeleteMail :execrows
DELETE FROM mail_outbox WHERE id = @id;

-- name: PostponeMail :exec
UPDATE mail_outbox SET next_attempt_at = now() + @pause::interval, last_error = @last_error
WHERE id = @id AND attempts = @attempts;

-- name: ReleaseMail :exec
UPDATE mail_outbox SET next_attempt_at = now(), attempts = attempts - 1
WHERE id = @id AND attempts = @attempts;

-- name: MailQueue :one
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision AS oldest_seconds
FROM mail_outbox;
