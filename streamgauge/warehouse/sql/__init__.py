"""Read-only SQL from outside: the HTTP server, the guard, past times, result formats."""
