"""Streams that cannot go on are set aside, each alone: why, how it is noticed, and when they are tried again."""
