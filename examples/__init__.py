"""Example catalogs (docs/catalog.md)."""
