"""`streamgauge rebuild`: the read models made again from the log, compared, and swapped when told to."""
