"""Verifies the hash chain of `events`, and proves that an event is in it (docs/chain.md)."""
