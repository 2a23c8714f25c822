"""The rows of read models: as stored, and as returned by queries."""
