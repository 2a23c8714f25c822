"""The commands about models in use."""
