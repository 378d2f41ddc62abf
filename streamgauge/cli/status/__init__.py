"""`streamgauge status`."""
