"""The vocabulary of the system: commands, events, their codec, topics, settings and errors.

This room is pure: it imports no other room and reads no clock, random source or file. Deciders and
folds that build on it give the same result live and in replay.
"""
