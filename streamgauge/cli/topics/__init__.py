"""`streamgauge topics`: which topics there have to be, and creating them."""
