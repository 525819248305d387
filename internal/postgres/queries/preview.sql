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

-- name: ReadHolding :many
-- What somebody holds who has one role of a tenant, and what the services say of them.
WITH reach AS (
    SELECT r.name AS role FROM role r WHERE (@reach_all::boolean OR r.tenant_id = @reach) AND r.tenant_id = @tenant_id AND r.name = @role
    UNION
    SELECT rr.reaches FROM role_reach rr WHERE (@reach_all OR rr.tenant_id = @reach) AND rr.tenant_id = @tenant_id AND rr.role = @role
), bundled AS (
    SELECT DISTINCT rp.audience, rp.permission FROM role_permission rp WHERE rp.tenant_id = @tenant_id AND rp.role IN (SELECT role FROM reach)
)
SELECT 'role'::text AS kind, role::text AS name, ''::text AS audience, '[]'::jsonb AS claims FROM reach
UNION ALL
SELECT 'permission', permission, audience, '[]' FROM bundled
UNION ALL
SELECT 'declaration', '', rs.audience, rs.claims FROM resource_server rs
 WHERE rs.tenant_id IS NULL AND rs.claims <> '[]' AND rs.audience IN (SELECT audience FROM bundled)
UNION ALL
SELECT 'algorithm', rs.signing_algorithm, rs.audience, '[]' FROM resource_server rs
 WHERE rs.signing_algorithm <> '' AND rs.audience IN (SELECT audience FROM bundled);
