"""The rows of read models: as they are stored, and as they are shown."""
