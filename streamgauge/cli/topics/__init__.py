"""`streamgauge topics`: the topics that Streamgauge needs, created and checked."""
