"""Streams and models that every catalog has: lag samples, audit records, retries of dead letters."""
