"""Parts of the request for a training."""
