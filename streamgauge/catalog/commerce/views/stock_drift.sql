-- view:   stock_drift
-- An audit: levels that do not follow from the events. From the oldest event in the raw table, what it said of the level;
-- each later event, once, moves it by its quantity, in the order of publication.
WITH once AS (
    SELECT sku, location, event_id, event_type, quantity, on_hand, reserved, kafka_topic_since,
           kafka_offset
    FROM inventory_events
    QUALIFY row_number() OVER (PARTITION BY sku, location, event_id ORDER BY kafka_topic_since, kafka_offset) = 1
),
moves AS (
    SELECT *, row_number() OVER (PARTITION BY sku, location ORDER BY kafka_topic_since, kafka_offset) = 1 AS is_first,
           CASE event_type WHEN 'stock.received' THEN quantity WHEN 'stock.shipped' THEN -quantity ELSE 0 END AS to_hand,
           CASE event_type WHEN 'stock.reserved' THEN quantity
                           WHEN 'stock.released' THEN -quantity
                           WHEN 'stock.shipped' THEN -quantity ELSE 0 END AS to_reserve
    FROM once
),
expected AS (
    SELECT sku, location,
           sum(CASE WHEN is_first THEN on_hand ELSE to_hand END)::BIGINT     AS on_hand_by_events,
           sum(CASE WHEN is_first THEN reserved ELSE to_reserve END)::BIGINT AS reserved_by_events
    FROM moves
    GROUP BY ALL
)
SELECT sku, location, s.on_hand, s.reserved, e.on_hand_by_events, e.reserved_by_events
FROM stock s JOIN expected e USING (sku, location)
WHERE s.on_hand <> e.on_hand_by_events OR s.reserved <> e.reserved_by_events
