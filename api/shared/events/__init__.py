"""Reading events for clients: filters, pages and subscriptions."""
