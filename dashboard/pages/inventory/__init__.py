"""The page Inventory."""
