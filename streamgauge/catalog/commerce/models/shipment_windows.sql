-- model:  shipment_windows
-- stream: shipments
-- merge:  window
-- every:  10 seconds
-- metrics: requested, dispatched, delivered, failed by carrier
SELECT carrier, region,
       count(*) FILTER (WHERE event_type = 'shipment.requested')  AS requested,
       count(*) FILTER (WHERE event_type = 'shipment.dispatched') AS dispatched,
       count(*) FILTER (WHERE event_type = 'shipment.delivered')  AS delivered,
       count(*) FILTER (WHERE event_type = 'shipment.failed')     AS failed
FROM events
GROUP BY ALL
