"""Checking the hash chain of `events`, and proving that an event is in it (docs/chain.md)."""
