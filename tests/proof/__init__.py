"""The proof of docs/reliability.md: faults injected into the real parts, and what each lost, repeated or leaked."""
