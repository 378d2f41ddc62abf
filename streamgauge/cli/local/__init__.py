"""`streamgauge up`: the stack on this machine, supervised."""
