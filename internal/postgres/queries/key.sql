-- name: LoadKeys :many
SELECT * FROM signing_key WHERE removed_at IS NULL OR removed_at > now() - interval '400 days' ORDER BY created_at, kid;

-- name: LoadSecrets :many
SELECT * FROM system_secret ORDER BY purpose, version;

-- name: Clock :one
SELECT clock_timestamp()::timestamptz;

-- name: LockKeys :exec
SELECT pg_advisory_xact_lock(hashtextextended('signet.keys', 0));

-- name: TryLockKeys :one
SELECT pg_try_advisory_xact_lock(hashtextextended('signet.keys', 0));

-- name: InsertKey :exec
INSERT INTO signing_key (kid, algorithm, public_jwk, custodian, sealed, created_at, published_at, activated_at, retired_at, removed_at)
VALUES (@kid, @algorithm, @public_jwk, @custodian, @sealed, @created_at, @published_at, @activated_at, @retired_at, @removed_at);

-- name: UpdateKey :execrows
UPDATE signing_key SET published_at = @published_at, activated_at = @activated_at, retired_at = @retired_at,
    removed_at = @removed_at, compromised_at = @compromised_at
WHERE kid = @kid;

-- name: EraseKey :execrows
UPDATE signing_key SET erased_at = @erased_at, custodian = @custodian, sealed = @sealed WHERE kid = @kid;

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

-- name: CountChosenAlgorithms :many
SELECT id_token_algorithm AS algorithm, count(*) AS clients, 0::bigint AS resource_servers
  FROM client WHERE id_token_algorithm <> '' GROUP BY id_token_algorithm
 UNION ALL
SELECT signing_algorithm, 0, count(*)
  FROM resource_server WHERE signing_algorithm <> '' GROUP BY signing_algorithm
 ORDER BY algorithm;
