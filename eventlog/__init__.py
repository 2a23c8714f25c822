"""How it travels: the log port with its Kafka and in-memory forms, admission, and the Follower."""
