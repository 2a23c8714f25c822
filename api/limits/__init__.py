"""How much one user or one address may take of a process."""
