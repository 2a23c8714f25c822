"""The session keys on the log, and the cipher that uses them."""
