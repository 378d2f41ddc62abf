-- view:   stock_outs
-- Articles that a location cannot promise any more: what is refused a minute, and what other locations have.
SELECT l.sku, l.name, l.category, l.location, l.status, l.on_hand, l.reserved, l.available, l.changed_at,
       l.refused_per_minute, l.refused_per_minute * p.price_cents AS refused_cents_per_minute,
       coalesce(sum(greatest(0, o.available)), 0)::BIGINT AS available_elsewhere
FROM stock_levels l
LEFT JOIN products p USING (sku)
LEFT JOIN stock_levels o ON o.sku = l.sku AND o.location <> l.location
WHERE l.available <= 0
GROUP BY ALL
