"""The routes of users, logins and tokens."""
