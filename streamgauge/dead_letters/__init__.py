"""Dead letters: headers, fingerprints, payloads, and their retry."""
