"""`streamgauge replay`: one of our consumer groups reads part of the log again, after a rehearsal."""
