-- model:  stock_demand
-- stream: inventory
-- merge:  window
-- every:  1 hour
SELECT sku, location,
       sum(quantity) FILTER (WHERE event_type = 'stock.reserved') AS reserved,
       sum(quantity) FILTER (WHERE event_type = 'stock.released') AS released,
       sum(quantity) FILTER (WHERE event_type = 'stock.shipped')  AS shipped,
       sum(quantity) FILTER (WHERE event_type = 'stock.rejected') AS rejected
FROM events
GROUP BY ALL
