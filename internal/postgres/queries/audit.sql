-- name: InsertAuditEvents :copyfrom
INSERT INTO audit_event (at, action, tenant_id, user_id, client_id, session_id, grant_id, token_id, address, request_id, detail, actor, target)
VALUES (@at, @action, @tenant_id, @user_id, @client_id, @session_id, @grant_id, @token_id, @address, @request_id, @detail,
        @actor, @target);

-- name: ListAuditEvents :many
-- Newest first. One tenant's or one person's events are read along an index of theirs.
SELECT * FROM audit_event
 WHERE (@reach_all::boolean OR tenant_id = @reach::uuid)
   AND (sqlc.narg(tenant_id)::uuid IS NULL OR tenant_id = sqlc.narg(tenant_id))
   AND (sqlc.narg(user_id)::uuid IS NULL OR user_id = sqlc.narg(user_id))
   AND (@client_id::text = '' OR client_id = @client_id)
   AND (@actor::text = '' OR actor = @actor)
   AND (@action::text = '' OR action = @action OR starts_with(action, @action || '.'))
   AND at >= @since::timestamptz
   AND (at, id) < (@before_time::timestamptz, @before_id::bigint)
 ORDER BY at DESC, id DESC
 LIMIT @page;

-- name: ListAccess :many
-- Who had access to what in a tenant at some time between since and until: each line is a person,
-- a role they held, the role that it reached (itself, or one it included) and a permission of
-- that, with the part of the time in which all of it stood together. A role without permissions
-- has a line with an empty one.
WITH held AS (
    SELECT m.user_id, r.role, r.role AS effective, r.since_by AS granted_by,
           greatest(m.since, r.since) AS since, least(coalesce(m.until, 'infinity'), coalesce(r.until, 'infinity')) AS until
      FROM access_history m
      JOIN access_history r ON r.tenant_id = m.tenant_id AND r.kind = 'role' AND r.user_id = m.user_id
     WHERE m.tenant_id = @tenant_id AND m.kind = 'membership'
       AND m.user_id >= @after_user::uuid
       AND (sqlc.narg(user_id)::uuid IS NULL OR m.user_id = sqlc.narg(user_id))
), reached AS (
    SELECT held.user_id, held.role, held.effective, held.granted_by, held.since, held.until FROM held
    UNION ALL
    SELECT h.user_id, h.role, i.reaches, h.granted_by, greatest(h.since, i.since), least(h.until, coalesce(i.until, 'infinity'))
      FROM held h
      JOIN access_history i ON i.tenant_id = @tenant_id AND i.kind = 'reach' AND i.role = h.role
), access AS (
    SELECT e.user_id, e.role, e.effective, e.granted_by, p.audience, p.permission,
           greatest(e.since, p.since, @since::timestamptz) AS since,
           least(e.until, coalesce(p.until, 'infinity'), @until::timestamptz) AS until
      FROM reached e
      JOIN access_history p ON p.tenant_id = @tenant_id AND p.kind = 'permission' AND p.role = e.effective
    UNION ALL
    SELECT e.user_id, e.role, e.effective, e.granted_by, '', '',
           greatest(e.since, @since::timestamptz), least(e.until, @until::timestamptz)
      FROM reached e
     WHERE NOT EXISTS (SELECT 1 FROM access_history p
                        WHERE p.tenant_id = @tenant_id AND p.kind = 'permission' AND p.role = e.effective)
)
SELECT a.user_id, coalesce(u.email, '')::text AS email, a.role, a.effective::text AS effective, a.granted_by,
       a.audience::text AS audience, a.permission::text AS permission,
       a.since::timestamptz AS since, a.until::timestamptz AS until
  FROM access a
  LEFT JOIN membership still ON still.tenant_id = @tenant_id AND still.user_id = a.user_id
  LEFT JOIN user_account u ON u.id = still.user_id -- whoever has left tells the tenant no new address
 WHERE a.since < a.until
   AND NOT EXISTS (SELECT 1 FROM access_history d
                    WHERE d.tenant_id = '00000000-0000-0000-0000-000000000000' AND d.kind = 'user_disabled' AND d.user_id = a.user_id
                      AND d.since <= a.since AND coalesce(d.until, 'infinity') >= a.until)
   AND NOT EXISTS (SELECT 1 FROM access_history d
                    WHERE d.tenant_id = @tenant_id AND d.kind = 'tenant_disabled'
                      AND d.since <= a.since AND coalesce(d.until, 'infinity') >= a.until)
   AND (a.user_id, a.role, a.effective, a.audience, a.permission, a.since)
       > (@after_user::uuid, @after_role::text, @after_effective::text, @after_audience::text, @after_permission::text, @after_since::timestamptz)
 ORDER BY a.user_id, a.role, a.effective, a.audience, a.permission, a.since
 LIMIT @page;
