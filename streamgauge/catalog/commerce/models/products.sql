-- model:  products
-- stream: products
-- merge:  latest
-- key:    sku
SELECT sku, name, category, price_cents, cost_cents, occurred_at
FROM events
