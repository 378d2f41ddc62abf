-- view:   stock_outs
-- Articles that a location cannot promise any more: what was refused in the last ten minutes, and what others have.
SELECT l.sku, l.name, l.category, l.location, l.status, l.on_hand, l.reserved, l.available, l.changed_at,
       l.units_refused, l.units_refused * p.price_cents AS refused_cents,
       coalesce(sum(greatest(0, o.available)), 0)::BIGINT AS available_elsewhere
FROM stock_levels l
LEFT JOIN products p USING (sku)
LEFT JOIN stock_levels o ON o.sku = l.sku AND o.location <> l.location
WHERE l.available <= 0
GROUP BY ALL
