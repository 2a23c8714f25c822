"""Large content outside the log: datasets and artifacts, content-addressed."""
