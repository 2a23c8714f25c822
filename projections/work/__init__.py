"""Read models of work in progress: runs, heartbeats, session retention."""
