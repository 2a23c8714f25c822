"""The state at any past moment, its changes, and the history of a stream."""
