"""What REST answers, by service: the API encodes these Structs, and the client decodes them.

Fields that a client does not know are passed over.
"""
