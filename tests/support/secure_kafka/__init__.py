"""A real Kafka that asks who one is: TLS, SCRAM and access control lists."""
