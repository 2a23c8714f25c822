"""Read models: stores, views, queries, rebuild, time travel."""
