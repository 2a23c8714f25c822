"""What processes `serve` answer, beside predictions."""
