"""`streamgauge sql`, `snapshot` and `story`: what the warehouse has, for people, programs and files."""
