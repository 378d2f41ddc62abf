"""The one owner of the DuckDB file: merges deltas, keeps its input offsets beside them, answers read-only SQL."""
