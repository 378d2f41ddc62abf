"""What a dead letter says: headers, fingerprint, payload."""
