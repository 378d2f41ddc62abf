"""Commands that run one process in the foreground."""
