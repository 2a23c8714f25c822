"""Folding the log from its beginning into new stores."""
