"""Parts of the request for a study, and of its end."""
