"""What is said: commands, events, their codec, topics, settings and errors.

This room is pure. It imports nothing of ours from other rooms, asks no clock, no random source and
no file, so that deciders and folds that build on it give the same result live and in replay.
"""
