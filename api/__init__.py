"""The REST API, one router per service (the Remote Facade of the design).

It decides nothing. A request that changes something becomes a command on the log, and is answered
when this process's own read models hold the event that answers the command.
"""
