"""Read-only SQL for clients: HTTP server, guard, as-of queries, limits, result formats."""
