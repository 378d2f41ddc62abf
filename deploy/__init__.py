"""What an installation needs: the image, Compose, Prometheus, Grafana, Kubernetes."""
