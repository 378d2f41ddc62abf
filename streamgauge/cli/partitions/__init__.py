"""`streamgauge partitions`."""
