"""The page Orders and revenue."""
