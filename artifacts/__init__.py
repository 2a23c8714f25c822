"""What is kept outside the log: datasets and trained models, content-addressed."""
