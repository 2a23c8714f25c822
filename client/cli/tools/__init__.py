"""Commands that run as processes of their own, beside the API."""
