"""A process of the system that is ready at once, and ends with whoever started it."""

import sys

print("ready", flush=True)
sys.stdin.read()
