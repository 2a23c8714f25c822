"""The gate of evolution: no change of a message that records already written could not survive.

`shapes.json` holds the shape of every message type ever shipped. `python -m tests.evolution` (part
of `scripts/check`, and a test) compares the types of the code with it; `python -m tests.golden`
adds to it what is new. How to change an event: docs/evolution.md.
"""
