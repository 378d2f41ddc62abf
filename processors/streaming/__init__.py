"""What the StreamingDataFrame services (fulfilment, fraud, attribution) have in common."""
