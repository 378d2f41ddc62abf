"""What flows and what is kept: event classes, streams and models. `commerce` is the built-in one."""
