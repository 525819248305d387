-- Lists of grants are ordered by their identifiers, which grow with time. There is a statement
-- for each index; recalled says that the client does not honour the grant any more.

-- name: ListGrants :many
SELECT sqlc.embed(f), (c.id IS NULL OR f.created_at < c.valid_from)::boolean AS recalled
  FROM refresh_family f LEFT JOIN client c ON c.id = f.client_id
 WHERE f.id > @after
 ORDER BY f.id
 LIMIT @page;

-- name: ListTenantGrants :many
SELECT sqlc.embed(f), (c.id IS NULL OR f.created_at < c.valid_from)::boolean AS recalled
  FROM refresh_family f LEFT JOIN client c ON c.id = f.client_id
 WHERE f.tenant_id = @tenant_id AND f.id > @after
   AND (@client_id::text = '' OR f.client_id = @client_id)
 ORDER BY f.id
 LIMIT @page;

-- name: ListClientGrants :many
SELECT sqlc.embed(f), (c.id IS NULL OR f.created_at < c.valid_from)::boolean AS recalled
  FROM refresh_family f LEFT JOIN client c ON c.id = f.client_id
 WHERE f.client_id = @client_id AND f.id > @after
 ORDER BY f.id
 LIMIT @page;

-- name: ListUserGrants :many
SELECT sqlc.embed(f), (c.id IS NULL OR f.created_at < c.valid_from)::boolean AS recalled
  FROM refresh_family f LEFT JOIN client c ON c.id = f.client_id
 WHERE f.user_id = @user_id AND f.id > @after
   AND (sqlc.narg(tenant_id)::uuid IS NULL OR f.tenant_id = sqlc.narg(tenant_id))
   AND (@client_id::text = '' OR f.client_id = @client_id)
 ORDER BY f.id
 LIMIT @page;

-- name: ReadGrant :one
SELECT sqlc.embed(f), (c.id IS NULL OR f.created_at < c.valid_from)::boolean AS recalled
  FROM refresh_family f LEFT JOIN client c ON c.id = f.client_id
 WHERE (@reach_all::boolean OR f.tenant_id = @reach) AND f.id = @id;

-- name: LockGrant :one
SELECT * FROM refresh_family WHERE (@reach_all::boolean OR tenant_id = @reach) AND id = @id FOR NO KEY UPDATE;

-- name: ListUserSessions :many
-- The live ones of a person. A tenant sees those of its members that a live grant in it hangs on.
SELECT s.* FROM browser_session s
 WHERE (@reach_all::boolean OR (
           EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = @reach AND m.user_id = s.user_id)
       AND EXISTS (SELECT 1 FROM refresh_family f WHERE f.session_id = s.id AND f.tenant_id = @reach AND f.user_id = s.user_id
                      AND f.revoked_at IS NULL AND f.expires_at > now())))
   AND s.user_id = @user_id AND s.ended_at IS NULL AND s.expires_at > now() AND s.id > @after
 ORDER BY s.id
 LIMIT @page;

-- name: ReadSession :one
SELECT s.* FROM browser_session s
 WHERE (@reach_all::boolean OR (
           EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = @reach AND m.user_id = s.user_id)
       AND EXISTS (SELECT 1 FROM refresh_family f WHERE f.session_id = s.id AND f.tenant_id = @reach AND f.user_id = s.user_id
                      AND f.revoked_at IS NULL AND f.expires_at > now())))
   AND s.id = @id AND s.ended_at IS NULL AND s.expires_at > now();
