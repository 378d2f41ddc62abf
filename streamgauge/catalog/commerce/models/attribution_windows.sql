-- model:  attribution_windows
-- stream: attribution
-- merge:  window
-- every:  10 seconds
SELECT campaign_id, channel, segment,
       count(*) FILTER (WHERE event_type = 'attribution.credited')
           - count(*) FILTER (WHERE event_type = 'attribution.reversed')                               AS orders,
       sum(CASE event_type WHEN 'attribution.credited' THEN amount_cents ELSE -amount_cents END)       AS revenue_cents,
       sum(CASE event_type WHEN 'attribution.credited' THEN margin_cents ELSE -margin_cents END)       AS margin_cents
FROM events
GROUP BY ALL
