"""The decider agent: it consumes commands, decides, and appends one event for each."""
