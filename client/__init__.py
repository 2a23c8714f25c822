"""Who asks: the Python client (the Remote Proxy of the design) and the command line.

    from autolearn import AutoLearn, AsyncAutoLearn

The client reaches the other rooms over HTTP, or as processes.
"""
