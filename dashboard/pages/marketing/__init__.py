"""The page Marketing."""
