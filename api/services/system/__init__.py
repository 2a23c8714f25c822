"""The routes of health, status, rebuild and wire keys."""
