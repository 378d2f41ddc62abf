-- view:   stock_levels
-- What each location can still promise of each article, and for how long at the present rate. A rate that is not known
-- yet is absent; one of 0 is known, and the cover is then absent, for it is endless.
WITH rates AS MATERIALIZED (FROM stock_rates),
known AS (SELECT max(minutes) AS minutes FROM rates),
levels AS (
    SELECT s.sku, s.location, s.on_hand, s.reserved, s.on_hand - s.reserved AS available, s.occurred_at AS changed_at,
           greatest(0, coalesce(r.units_taken, 0)) / k.minutes AS units_per_minute,
           greatest(0, coalesce(r.units_taken_lately, 0)) / least(2, k.minutes) AS units_per_minute_lately,
           coalesce(r.units_refused, 0) / k.minutes            AS refused_per_minute
    FROM stock s CROSS JOIN known k LEFT JOIN rates r USING (sku, location)
),
covers AS (
    SELECT *, CASE WHEN units_per_minute > 0 THEN greatest(0, available) / units_per_minute END AS minutes_of_cover
    FROM levels
)
SELECT c.sku, p.name, p.category, c.location, c.on_hand, c.reserved, c.available, c.units_per_minute, c.units_per_minute_lately,
       c.minutes_of_cover, c.refused_per_minute, c.changed_at,
       CASE WHEN c.available < 0 THEN 'oversold'
            WHEN c.available = 0 THEN 'out'
            WHEN c.minutes_of_cover < 5 THEN 'low'
            ELSE 'ok' END AS status
FROM covers c LEFT JOIN products p USING (sku)
