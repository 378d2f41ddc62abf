"""The catalog of a cluster that is only observed: no streams of its own, lag and topics alone."""

STREAMS = ()
