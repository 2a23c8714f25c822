"""The answers of REST, by service: the API encodes these Structs, and the client decodes them.

Rows of the read models that are answered as they are (`User`, `Grant`), or with links and progress
added (`TrainingRow` in `Training`), are defined here too: a field is added once. A client ignores
the fields that it does not know.
"""
