"""The page Payments and fraud."""
