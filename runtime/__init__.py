"""How processes of ours are started, what they may do, and the files that are their own."""
