"""A real Apache Kafka without Docker, started as a child process."""
