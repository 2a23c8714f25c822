"""Training again what a past experiment holds, and comparing."""
