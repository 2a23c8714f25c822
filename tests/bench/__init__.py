"""`make bench`: the figures that we promise, measured on the whole system on this machine."""
