"""`streamgauge dead-letters`: what failed, why, and sending it again. See docs/dead-letters.md."""
