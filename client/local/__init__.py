"""A whole system on one machine: `autolearn up` and the development cluster."""
