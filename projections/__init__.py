"""What is known: RocksDB stores, the read models that are folded into them, replay."""
