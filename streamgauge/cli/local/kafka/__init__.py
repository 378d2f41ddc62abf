"""The local Kafka: its files, its Java, one node of it, and the stand-in."""
