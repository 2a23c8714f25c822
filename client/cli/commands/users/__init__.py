"""Commands about users: logins, tokens and groups."""
