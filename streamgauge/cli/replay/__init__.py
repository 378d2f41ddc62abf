"""`streamgauge replay`: a consumer group of ours reads part of the log again, after a rehearsal."""
