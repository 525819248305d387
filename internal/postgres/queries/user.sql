-- name: ListUsers :many
SELECT * FROM user_account
 WHERE @reach_all::boolean
   AND (created_at, id) > (@after_time::timestamptz, @after_id::uuid)
 ORDER BY created_at, id
 LIMIT @page;

-- name: ListUsersByAddress :many
SELECT * FROM user_account
 WHERE @reach_all::boolean
   AND email_normalized COLLATE "C" >= @prefix::text
   AND email_normalized COLLATE "C" < @prefix_end::text
   AND email_normalized COLLATE "C" > @after_address::text
 ORDER BY email_normalized COLLATE "C"
 LIMIT @page;

-- name: GetUser :one
SELECT u.* FROM user_account u
 WHERE u.id = @id
   AND (@reach_all::boolean OR EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = @reach::uuid AND m.user_id = u.id));

-- name: GetUserByEmail :one
SELECT u.* FROM user_account u
 WHERE u.email_normalized = @email_normalized
   AND (@reach_all::boolean OR EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = @reach::uuid AND m.user_id = u.id));

-- name: LockAccount :one
-- Nobody makes this person a member of anything meanwhile.
SELECT * FROM user_account WHERE id = @id FOR UPDATE;

-- name: CreateUser :one
INSERT INTO user_account (id, email, email_normalized, email_verified, name, given_name, family_name, picture, locale, disabled_at)
VALUES (@id, @email, @email_normalized, @email_verified, @name, @given_name, @family_name, @picture, @locale, @disabled_at)
ON CONFLICT (email_normalized) DO NOTHING RETURNING *;

-- name: UpdateUser :one
UPDATE user_account
   SET email = @email, email_verified = @email_verified, name = @name,
       email_normalized = CASE WHEN email = @email THEN email_normalized ELSE @email_normalized END,
       given_name = @given_name, family_name = @family_name, picture = @picture, locale = @locale,
       disabled_at = @disabled_at, version = version + 1, updated_at = now()
 WHERE id = @id RETURNING *;

-- name: DeleteUser :execrows
DELETE FROM user_account WHERE id = @id;

-- name: LockTenantsOfUser :many
-- In one order, so that two who do this wait for each other and never both.
SELECT t.id FROM tenant t
 WHERE t.id IN (SELECT m.tenant_id FROM membership m WHERE m.user_id = @user_id)
 ORDER BY t.id
   FOR NO KEY UPDATE;

-- name: ListUserMemberships :many
SELECT sqlc.embed(m), sqlc.embed(t),
       coalesce((SELECT array_agg(mr.role ORDER BY mr.role) FROM membership_role mr
                  WHERE mr.tenant_id = m.tenant_id AND mr.user_id = m.user_id), '{}')::text[] AS roles
  FROM membership m JOIN tenant t ON t.id = m.tenant_id
 WHERE (@reach_all::boolean OR m.tenant_id = @reach::uuid)
   AND m.user_id = @user_id AND m.tenant_id > @after_tenant::uuid
 ORDER BY m.tenant_id
 LIMIT @page;
