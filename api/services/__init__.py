"""The routers, one per service, and what every process serves besides."""
