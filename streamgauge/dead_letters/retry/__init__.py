"""Retry of dead letters: read from their topics, edited, sent once in a transaction, followed until processed."""
