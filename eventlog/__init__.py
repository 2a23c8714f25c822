"""The log: its port on Kafka and in memory, admission, consumers and producers."""
