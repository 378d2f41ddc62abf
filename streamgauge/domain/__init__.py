"""Vocabulary and judgements that processors, pages and commands share. Pure."""
