"""What was produced against what SQL shows, live."""
