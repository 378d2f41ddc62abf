"""`streamgauge lag`."""
