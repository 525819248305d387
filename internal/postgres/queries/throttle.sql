-- name: TakeThrottle :many
-- Counts an attempt on every claimed key unless one of them is blocked. Rows are locked in
-- key order, and the block is checked again on the locked row, so parallel guesses cannot
-- slip past one another. An attempt without a pause leaves blocked_until in the past: were it
-- set to this moment, one that began a microsecond earlier, or on a replica whose clock is
-- behind, would find itself blocked by it.
WITH claim AS (
    SELECT unnest(@keys::bytea[]) AS key, unnest(@free::integer[]) AS free, unnest(@base::bigint[]) AS base,
           unnest(@max::bigint[]) AS max, unnest(@lim::integer[]) AS lim, unnest(@rest::bigint[]) AS rest,
           unnest(@win::bigint[]) AS win, unnest(@sliding::boolean[]) AS sliding
), moment AS (
    SELECT @now::timestamptz AS now
), taken AS (
    INSERT INTO sign_in_throttle AS t (key, failures, window_ends_at, blocked_until)
    SELECT c.key, 1, m.now + c.win * interval '1 microsecond',
           CASE WHEN 1 < c.free THEN to_timestamp(0)
                ELSE m.now + CASE WHEN c.lim > 0 AND 1 >= c.lim THEN c.rest ELSE c.base END * interval '1 microsecond' END
      FROM claim c, moment m
     WHERE NOT EXISTS (SELECT 1 FROM sign_in_throttle b, claim x WHERE b.key = x.key AND b.blocked_until > m.now)
     ORDER BY c.key
    ON CONFLICT (key) DO UPDATE SET (failures, window_ends_at, blocked_until) = (
        SELECT n.failures,
               CASE WHEN n.failures = 1 OR c.sliding THEN m.now + c.win * interval '1 microsecond' ELSE t.window_ends_at END,
               CASE WHEN n.failures < c.free THEN t.blocked_until
                    ELSE m.now + CASE WHEN c.lim > 0 AND n.failures >= c.lim THEN c.rest
                                      ELSE least(c.max, c.base * 2.0 ^ least(n.failures - c.free, 62))::bigint
                                 END * interval '1 microsecond'
               END
          FROM claim c, moment m,
               LATERAL (SELECT CASE WHEN t.window_ends_at <= m.now THEN 1 ELSE t.failures + 1 END AS failures) n
         WHERE c.key = t.key)
    WHERE t.blocked_until <= (SELECT now FROM moment)
    RETURNING t.key, t.failures, t.blocked_until
)
SELECT c.key::bytea AS key, (taken.key IS NOT NULL)::boolean AS taken,
       coalesce(taken.failures, t.failures, 0)::integer AS failures,
       coalesce(taken.blocked_until, t.blocked_until, m.now)::timestamptz AS blocked_until
  FROM claim c CROSS JOIN moment m
  LEFT JOIN taken ON taken.key = c.key
  LEFT JOIN sign_in_throttle t ON t.key = c.key;

-- name: SettleThrottle :exec
-- Rows are locked in key order here too, so that attempts counted and given back at once on the same
-- keys wait for each other instead of one failing.
WITH held AS (
    SELECT h.key FROM sign_in_throttle h WHERE h.key = ANY (@reset::bytea[] || @refund::bytea[]) ORDER BY h.key FOR UPDATE
), gone AS (
    DELETE FROM sign_in_throttle g USING held WHERE g.key = held.key AND g.key = ANY (@reset::bytea[])
)
UPDATE sign_in_throttle t SET failures = greatest(t.failures - 1, 0), blocked_until = least(t.blocked_until, @now::timestamptz)
  FROM held WHERE t.key = held.key AND t.key = ANY (@refund::bytea[]);

-- name: DeleteExpiredThrottles :execrows
DELETE FROM sign_in_throttle WHERE ctid IN (
    SELECT t.ctid FROM sign_in_throttle t WHERE t.window_ends_at < now() AND t.blocked_until < now()
     LIMIT @batch::integer FOR UPDATE SKIP LOCKED);
