"""Who asks: the Python client (the Remote Proxy of the design) and the command line.

    import autolearn

    al = autolearn.connect()

The client reaches the other rooms over HTTP, or as processes.
"""
