"""`streamgauge rebuild`: rebuilds the tables from the log, compares them, and swaps the file on request."""
