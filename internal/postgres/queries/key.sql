-- name: LoadKeys :many
SELECT * FROM signing_key WHERE removed_at IS NULL OR removed_at > now() - interval '30 days' ORDER BY created_at, kid;

-- name: LoadSecrets :many
SELECT * FROM system_secret ORDER BY purpose, version;

-- name: LockKeys :exec
SELECT pg_advisory_xact_lock(hashtextextended('signet.keys', 0));

-- name: CountKeys :one
SELECT count(*) FROM signing_key WHERE algorithm = @algorithm AND removed_at IS NULL;

-- name: InsertKey :exec
INSERT INTO signing_key (kid, algorithm, public_jwk, sealed, created_at, published_at, activated_at, retired_at, removed_at, max_expiry)
VALUES (@kid, @algorithm, @public_jwk, @sealed, @created_at, @published_at, @activated_at, @retired_at, @removed_at, @max_expiry);

-- name: InsertSecret :exec
INSERT INTO system_secret (purpose, version, sealed, created_at) VALUES (@purpose, @version, @sealed, @created_at)
ON CONFLICT DO NOTHING;

-- name: RecordMaxExpiry :exec
UPDATE signing_key SET max_expiry = greatest(coalesce(max_expiry, @max_expiry), @max_expiry) WHERE kid = @kid;

-- name: ChosenAlgorithms :many
SELECT id_token_algorithm AS algorithm FROM client WHERE id_token_algorithm <> ''
 UNION
SELECT signing_algorithm FROM resource_server WHERE signing_algorithm <> ''
 ORDER BY algorithm;
