"""What workers have, and what runs ask of them."""
