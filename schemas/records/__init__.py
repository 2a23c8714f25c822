"""Records on topics other than `commands` and `events`."""
