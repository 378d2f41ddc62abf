-- model:  campaigns
-- stream: campaigns
-- merge:  latest
-- key:    campaign_id
SELECT campaign_id, name, channel, category, starts_at, ends_at, occurred_at
FROM events
