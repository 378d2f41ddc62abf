"""What the processes share: settings, errors, Kafka clients, the metric catalogue, logging, a graceful stop."""
