"""Backups: the log and the artifacts as one checked set of files (docs/backup.md)."""
