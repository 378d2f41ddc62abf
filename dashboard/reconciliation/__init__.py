"""Live reconciliation of what was produced with what SQL shows."""
