"""Deployment: the image, Compose, Prometheus, Grafana, Kubernetes."""
