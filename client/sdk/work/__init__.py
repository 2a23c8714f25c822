"""The methods of sessions and experiments that ask for runs."""
