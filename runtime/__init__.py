"""How processes of ours are started, and what they may do."""
