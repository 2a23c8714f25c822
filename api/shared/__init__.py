"""What several services use: bodies, resources, authorization, lookups, the past."""
