"""The synthetic stock, payment and shipping services of the shop: they answer the fulfilment saga (ADR 7)."""
