"""Catalogs that show how to make one's own (docs/catalog.md)."""
