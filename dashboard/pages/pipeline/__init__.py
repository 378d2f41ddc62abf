"""The page Pipeline health."""
