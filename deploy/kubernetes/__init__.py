"""Kustomize base and overlays, and what writes their generated part."""
