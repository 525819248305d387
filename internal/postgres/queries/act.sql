-- name: SetActor :exec
-- For the rest of the transaction; columns and triggers that say who did something read it.
SELECT set_config('signet.actor', @actor::text, true);

-- name: TakeTime :exec
-- For acts that may concern a million rows: the statements that follow in the transaction may take
-- two minutes.
SELECT set_config('statement_timeout', '120000', true);

-- name: ClaimIdempotencyKey :execrows
INSERT INTO idempotency_key (actor, key, fingerprint, reference) VALUES (@actor, @key, @fingerprint, '')
ON CONFLICT DO NOTHING;

-- name: SetIdempotencyReference :exec
UPDATE idempotency_key SET reference = @reference WHERE actor = @actor AND key = @key;

-- name: FindIdempotencyKey :one
SELECT fingerprint, reference FROM idempotency_key WHERE actor = @actor AND key = @key;

-- name: DeleteOldIdempotencyKeys :execrows
DELETE FROM idempotency_key WHERE ctid IN (
    SELECT k.ctid FROM idempotency_key k WHERE k.created_at < now() - interval '1 day'
     ORDER BY k.created_at LIMIT @batch::integer FOR UPDATE SKIP LOCKED);

-- name: PlanForParameters :exec
-- For statements whose filters are optional: the best index depends on which of them are given.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true);
