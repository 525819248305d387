-- name: ExplainAccess :many
-- Why a person may what they may in a tenant, in one reading. A suspended membership gives nothing.
WITH mine AS (
    SELECT m.* FROM membership m
     WHERE (@reach_all::boolean OR m.tenant_id = @reach) AND m.tenant_id = @tenant_id AND m.user_id = @user_id AND m.suspended_at IS NULL
), held AS (
    SELECT mr.* FROM membership_role mr JOIN mine ON mr.tenant_id = mine.tenant_id AND mr.user_id = mine.user_id
), reach AS (
    SELECT held.tenant_id, rr.role, rr.reaches FROM role_reach rr JOIN held ON rr.tenant_id = held.tenant_id AND rr.role = held.role
)
SELECT 'membership'::text AS kind, ''::text AS role, ''::text AS name, ''::text AS audience, granted_by, created_at AS granted_at FROM mine
UNION ALL
SELECT 'role', role, '', '', granted_by, granted_at FROM held
UNION ALL
SELECT 'reach', role, reaches, '', '', now() FROM reach
UNION ALL
SELECT 'permission', rp.role, rp.permission, rp.audience, rp.granted_by, rp.granted_at FROM role_permission rp
 WHERE (rp.tenant_id, rp.role) IN (SELECT tenant_id, role FROM held UNION SELECT tenant_id, reaches FROM reach)
 ORDER BY kind, role, name, audience;
