"""The warehouse: the only owner of the DuckDB file. Merges deltas, stores their offsets beside them, serves SQL."""
