"""The artifact store: content-addressed, encrypted, on any file system that fsspec knows."""
