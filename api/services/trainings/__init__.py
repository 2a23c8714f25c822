"""The routes of trainings."""
