"""Queries of the page Inventory. An empty filter matches everything.

Movements come from `inventory_windows`. Stock and cover come from the views over `stock`, which read the raw events of
the last ten minutes: they have no range, and are queried less often than the page refreshes.
"""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

HERE = {"location": ""}
_HERE = "($location = '' OR location = $location)"
_MOVEMENTS = ("received", "reserved", "released", "shipped", "rejected")

CHOICES = Query(
    "inventory.choices",
    "The locations with movements in the range.",
    f"""
SELECT DISTINCT location
FROM inventory_windows
WHERE {comparison.IN_RANGE}
ORDER BY location
LIMIT 500
""",
    ("inventory",),
)

MOVED = Query(
    "inventory.moved",
    "Units received, reserved, released, shipped, refused: the range, its complete windows, that span earlier.",
    f"""
WITH spans AS (
    {comparison.spans("inventory_windows", _HERE)}
)
SELECT {comparison.compared(*_MOVEMENTS)},
       count(*) FILTER (WHERE span <> 'earlier') AS windows
FROM spans
""",
    ("inventory",),
    HERE,
)

TIMELINE = Query(
    "inventory.timeline",
    "Units that moved in each bar of the range, by location; `earlier` rows are the compared span's, moved here.",
    comparison.timeline("inventory_windows", _HERE, "location", *_MOVEMENTS),
    ("inventory",),
    HERE,
)

# `unpriced`: refused articles without a known price, which are in no sum of money.
LEVELS = Query(
    "inventory.levels",
    "How many articles are oversold, out of stock, or low now, and what is refused a minute.",
    f"""
SELECT count(*) AS articles,
       count(*) FILTER (WHERE status = 'oversold') AS oversold,
       count(*) FILTER (WHERE status = 'out')      AS out,
       count(*) FILTER (WHERE status = 'low')      AS low,
       sum(refused_per_minute)                     AS refused_per_minute,
       sum(CASE WHEN refused_per_minute = 0 THEN 0 ELSE refused_per_minute * price_cents END)
           AS refused_cents_per_minute,
       count(*) FILTER (WHERE refused_per_minute > 0 AND price_cents IS NULL) AS unpriced
FROM stock_levels LEFT JOIN products USING (sku)
WHERE {_HERE}
""",
    ("inventory",),
    HERE,
)

# Reads `stock_levels` once for both tables; the view `stock_outs` reads it twice. Its rows are those with `is_out`.
SHORT = Query(
    "inventory.short",
    "Articles that cannot be promised now, with the loss and the stock elsewhere; and those with the lowest cover.",
    f"""
WITH levels AS (
    SELECT l.*, l.available <= 0 AS is_out, l.refused_per_minute * p.price_cents AS refused_cents_per_minute,
           (sum(greatest(0, l.available)) OVER (PARTITION BY l.sku) - greatest(0, l.available))::BIGINT
               AS available_elsewhere
    FROM stock_levels l LEFT JOIN products p USING (sku)
)
SELECT sku, name, location, status, is_out, on_hand, reserved, available, units_per_minute, units_per_minute_lately,
       minutes_of_cover, refused_per_minute, refused_cents_per_minute, available_elsewhere, changed_at
FROM levels
WHERE {_HERE}
  AND ($status = '' OR status = $status)
  AND (is_out OR minutes_of_cover IS NOT NULL)
QUALIFY row_number() OVER (
    PARTITION BY is_out
    ORDER BY CASE WHEN is_out THEN -refused_cents_per_minute ELSE minutes_of_cover END NULLS LAST,
             refused_per_minute DESC NULLS LAST, sku, location
) <= 100
ORDER BY is_out DESC, CASE WHEN is_out THEN -refused_cents_per_minute ELSE minutes_of_cover END NULLS LAST,
         refused_per_minute DESC NULLS LAST, sku, location
LIMIT 200
""",
    ("inventory",),
    {**HERE, "status": ""},
)

# The counts are of all that campaigns advertise, before the limit.
GUARD = Query(
    "inventory.guard",
    "Articles that running campaigns advertise, the first to sell out on top.",
    f"""
SELECT campaign_id, campaign, channel, sku, location, level, available, units_per_minute, times_usual,
       wanted_per_minute, minutes_until_sold_out, campaign_minutes_left,
       count(*) FILTER (WHERE level = 'sold_out') OVER () AS sold_out,
       count(*) FILTER (WHERE level = 'critical') OVER () AS critical,
       count(*) FILTER (WHERE level = 'warning') OVER ()  AS warning
FROM surge_guard
WHERE {_HERE}
ORDER BY list_position(['sold_out', 'critical', 'warning', 'ok'], level), minutes_until_sold_out NULLS LAST,
         wanted_per_minute DESC NULLS LAST, sku, location, campaign_id
LIMIT 100
""",
    ("inventory",),
    HERE,
)
