"""Tables of resources."""
