"""Ordered key-value stores: RocksDB, and its twin in memory."""
