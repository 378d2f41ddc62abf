"""Quix Streams applications. Each reads topics and publishes ordinary events; none knows another."""
