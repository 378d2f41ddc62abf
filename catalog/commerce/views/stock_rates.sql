-- view:   stock_rates
-- Units taken and refused over the ten minutes before the newest event of `inventory`, or as long as it is known.
-- `minutes` is that time, absent where it is less than one, and nothing is known where no event came for 20 minutes.
WITH recent AS (
    SELECT sku, location, event_type, quantity, occurred_at
    FROM inventory_events
    WHERE occurred_at > now() - INTERVAL 20 MINUTE AND occurred_at <= now()
),
span AS (
    SELECT max(occurred_at) AS as_of,
           greatest(max(occurred_at) - INTERVAL 10 MINUTE, (SELECT min(window_start) FROM inventory_windows)) AS since
    FROM recent
)
SELECT sku, location, as_of,
       CASE WHEN as_of - since >= INTERVAL 1 MINUTE THEN epoch(as_of - since) / 60 END AS minutes,
       sum(CASE event_type WHEN 'stock.reserved' THEN quantity WHEN 'stock.released' THEN -quantity ELSE 0 END)::BIGINT
           AS units_taken,
       sum(CASE event_type WHEN 'stock.rejected' THEN quantity ELSE 0 END)::BIGINT AS units_refused
FROM recent, span
WHERE occurred_at > since
GROUP BY ALL
