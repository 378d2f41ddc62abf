"""Embedded: the process that reads the topics itself and owns the DuckDB file; it writes nothing to the cluster."""
