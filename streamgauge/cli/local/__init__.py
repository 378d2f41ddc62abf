"""`streamgauge up` and `streamgauge fault`: the stack on this machine, supervised."""
