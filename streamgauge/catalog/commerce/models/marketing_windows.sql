-- model:  marketing_windows
-- stream: marketing
-- merge:  window
-- every:  10 seconds
-- metrics: impressions, clicks, emails_sent, emails_opened, redemptions, cost_cents by channel
SELECT campaign_id, channel,
       count(*) FILTER (WHERE event_type = 'ad.impression')      AS impressions,
       count(*) FILTER (WHERE event_type = 'ad.click')           AS clicks,
       count(*) FILTER (WHERE event_type = 'email.sent')         AS emails_sent,
       count(*) FILTER (WHERE event_type = 'email.opened')       AS emails_opened,
       count(*) FILTER (WHERE event_type = 'promotion.redeemed') AS redemptions,
       sum(cost_cents)                                           AS cost_cents
FROM events
GROUP BY ALL
