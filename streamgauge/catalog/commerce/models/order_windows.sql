-- model:  order_windows
-- stream: orders
-- merge:  window
-- every:  10 seconds
-- metrics: orders, confirmed, cancelled, completed, units, revenue_cents by region, channel, payment_method
SELECT region, channel, payment_method,
       count(*) FILTER (WHERE event_type = 'order.placed')                                        AS orders,
       count(*) FILTER (WHERE event_type = 'order.confirmed')                                     AS confirmed,
       count(*) FILTER (WHERE event_type = 'order.cancelled')                                     AS cancelled,
       count(*) FILTER (WHERE event_type = 'order.completed')                                     AS completed,
       sum(list_sum([item.quantity FOR item IN items])) FILTER (WHERE event_type = 'order.placed') AS units,
       sum(amount_cents) FILTER (WHERE event_type = 'order.placed')                               AS revenue_cents
FROM events
GROUP BY ALL
