"""The routes of records that could not be handled."""
