"""What a user has stored: the places of APIs, and tokens for them."""
