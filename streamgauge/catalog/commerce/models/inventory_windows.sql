-- model:  inventory_windows
-- stream: inventory
-- merge:  window
-- every:  10 seconds
-- metrics: received, reserved, released, shipped, rejected by location
SELECT location,
       sum(quantity) FILTER (WHERE event_type = 'stock.received') AS received,
       sum(quantity) FILTER (WHERE event_type = 'stock.reserved') AS reserved,
       sum(quantity) FILTER (WHERE event_type = 'stock.released') AS released,
       sum(quantity) FILTER (WHERE event_type = 'stock.shipped')  AS shipped,
       sum(quantity) FILTER (WHERE event_type = 'stock.rejected') AS rejected
FROM events
GROUP BY ALL
