"""The page Fulfilment."""
