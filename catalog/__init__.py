"""What flows and what is kept: event classes, streams and models. `catalog.commerce` is the built-in catalog."""
