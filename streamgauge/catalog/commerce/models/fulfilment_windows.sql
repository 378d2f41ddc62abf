-- model:  fulfilment_windows
-- stream: fulfilment
-- merge:  window
-- every:  10 seconds
-- metrics: sagas, amount_cents by state
SELECT state,
       count(*)          AS sagas,
       sum(amount_cents) AS amount_cents
FROM events
GROUP BY ALL
