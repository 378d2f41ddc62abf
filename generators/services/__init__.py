"""The shop's synthetic stock, payment and shipping services, which reply to the fulfilment saga (ADR 7)."""
