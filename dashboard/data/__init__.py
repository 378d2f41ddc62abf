"""Where figures come from: queries, the cache that sessions share, time ranges, and how far a figure can be trusted."""
