"""Catalog: event classes, streams, models and views of one Python package. `commerce` is the built-in one."""
