"""Data of the pages: queries, the cache that sessions share, time ranges, freshness and completeness."""
