"""The routes of the events of the log, as pages and as a stream."""
