"""The page Dead letters: causes, one cause with a sample, retries, and their history."""
