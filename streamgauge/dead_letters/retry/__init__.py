"""Sending dead letters again: read from their topics, edited, sent once in a transaction, and followed up."""
