"""`streamgauge streams`: decisions about single streams."""
