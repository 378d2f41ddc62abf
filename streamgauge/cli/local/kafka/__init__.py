"""The local Kafka: its files, its Java, a single node, and the stand-in."""
