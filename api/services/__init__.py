"""The routers, one per service, and the system routes of every process."""
