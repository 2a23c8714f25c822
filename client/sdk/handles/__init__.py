"""What the client returns for sessions, runs, experiments and datasets: objects with methods."""
