-- view:   stock_rates
-- Units taken and refused over the ten minutes before the newest window of `inventory`, or as long as there has been any.
-- `minutes` is that time, absent where it is less than one; no rows at all where no event came for 20 minutes.
-- `units_taken_lately` is of the last two minutes, for a demand that has just risen.
WITH times AS (
    SELECT least(now(), max(window_start) + INTERVAL 10 SECOND) AS until,
           greatest(until - INTERVAL 10 MINUTE, (SELECT min(window_start) FROM inventory_windows)) AS since
    FROM inventory_windows
    WHERE window_start > now() - INTERVAL 20 MINUTE AND window_start <= now()
),
-- Worked out once: for every event it would cost five times as much as the rest.
span AS (
    SELECT until, since, until - INTERVAL 2 MINUTE AS lately,
           CASE WHEN until - since >= INTERVAL 1 MINUTE THEN epoch(until - since) / 60 END AS minutes
    FROM times
)
SELECT sku, location, any_value(minutes) AS minutes,
       sum(CASE event_type WHEN 'stock.reserved' THEN quantity WHEN 'stock.released' THEN -quantity ELSE 0 END)::BIGINT
           AS units_taken,
       coalesce(sum(CASE event_type WHEN 'stock.reserved' THEN quantity WHEN 'stock.released' THEN -quantity ELSE 0 END)
           FILTER (WHERE occurred_at > lately), 0)::BIGINT AS units_taken_lately,
       sum(CASE event_type WHEN 'stock.rejected' THEN quantity ELSE 0 END)::BIGINT AS units_refused
FROM inventory_events, span
WHERE occurred_at > now() - INTERVAL 30 MINUTE -- a constant, so that older rows are not even looked at
  AND occurred_at > since AND occurred_at <= until
GROUP BY sku, location
