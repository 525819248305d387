-- Statements for a batch of people from another system: each is run once for the whole batch.

-- name: ImportTenants :many
-- Held until the batch is stored: what is found here cannot be deleted meanwhile.
SELECT id, slug FROM tenant WHERE slug = ANY(@slugs::text[]) ORDER BY id FOR KEY SHARE;

-- name: ImportRoles :many
SELECT r.tenant_id, r.name FROM role r
 WHERE r.tenant_id = ANY(@tenant_ids::uuid[]) AND r.name = ANY(@names::text[])
 ORDER BY r.tenant_id, r.name FOR KEY SHARE;

-- name: ImportAccounts :many
-- In the order of the addresses, so that two batches with the same people wait for each other
-- instead of dying. Whoever exists is not touched and not returned.
INSERT INTO user_account (id, email, email_normalized, email_verified, name, given_name, family_name, picture, locale, disabled_at)
SELECT b.id, b.email, b.email_normalized, b.email_verified, b.name, b.given_name, b.family_name, b.picture, b.locale,
       CASE WHEN b.disabled THEN now() END
  FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@emails::text[]) AS email, unnest(@normalized::text[]) AS email_normalized,
               unnest(@verified::boolean[]) AS email_verified, unnest(@names::text[]) AS name,
               unnest(@given_names::text[]) AS given_name, unnest(@family_names::text[]) AS family_name,
               unnest(@pictures::text[]) AS picture, unnest(@locales::text[]) AS locale, unnest(@disabled::boolean[]) AS disabled) b
 ORDER BY b.email_normalized
ON CONFLICT (email_normalized) DO NOTHING
RETURNING id;

-- name: ImportExisting :many
SELECT id, email_normalized FROM user_account WHERE email_normalized = ANY(@normalized::text[])
 ORDER BY email_normalized FOR KEY SHARE;

-- name: ImportPasswords :exec
INSERT INTO password_credential (user_id, encoded) SELECT unnest(@user_ids::uuid[]), unnest(@encoded::text[]);

-- name: ImportMemberships :many
INSERT INTO membership (tenant_id, user_id)
SELECT b.tenant_id, b.user_id
  FROM (SELECT unnest(@tenant_ids::uuid[]) AS tenant_id, unnest(@user_ids::uuid[]) AS user_id) b
 ORDER BY b.tenant_id, b.user_id
ON CONFLICT DO NOTHING
RETURNING tenant_id, user_id;

-- name: ImportMembershipRoles :many
-- A membership that was there already may have been ended meanwhile: then there is nothing to add to.
INSERT INTO membership_role (tenant_id, user_id, role)
SELECT b.tenant_id, b.user_id, b.role
  FROM (SELECT unnest(@tenant_ids::uuid[]) AS tenant_id, unnest(@user_ids::uuid[]) AS user_id, unnest(@roles::text[]) AS role) b
  JOIN membership m ON m.tenant_id = b.tenant_id AND m.user_id = b.user_id
 ORDER BY b.tenant_id, b.user_id, b.role
   FOR KEY SHARE OF m
ON CONFLICT DO NOTHING
RETURNING tenant_id, user_id, role;
