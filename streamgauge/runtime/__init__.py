"""What all processes share: settings, errors, Kafka clients, log reader, metrics, health, files, a graceful stop."""
