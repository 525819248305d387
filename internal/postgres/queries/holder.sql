-- name: RecordHolders :exec
-- Rows are locked in the order of their key, so that replicas wait for each other instead of failing. A
-- replica whose clock is ahead does not hold its sightings up against those of others.
INSERT INTO jwks_holder AS h (address, agent, etag, seen_at)
SELECT s.address, s.agent, s.etag, s.seen_at
  FROM (SELECT unnest(@addresses::inet[]) AS address, unnest(@agents::text[]) AS agent, unnest(@etags::text[]) AS etag,
               least(unnest(@seen_at::timestamptz[]), now()) AS seen_at) s
 ORDER BY s.address, s.agent
ON CONFLICT (address, agent) DO UPDATE SET etag = excluded.etag, seen_at = excluded.seen_at WHERE h.seen_at <= excluded.seen_at;

-- name: Holders :many
SELECT * FROM jwks_holder WHERE seen_at >= @since ORDER BY seen_at DESC, address, agent LIMIT @most::integer;

-- name: DeleteOldHolders :execrows
-- What was not seen for a week, and what is too much of the rest: those seen longest ago. What four
-- replicas note of one network within a day is less, so that one cannot push the others out.
DELETE FROM jwks_holder WHERE ctid IN (
    SELECT h.ctid FROM jwks_holder h
     WHERE h.seen_at < now() - interval '7 days'
        OR h.seen_at <= (SELECT k.seen_at FROM jwks_holder k ORDER BY k.seen_at DESC OFFSET 50000 LIMIT 1)
     LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
