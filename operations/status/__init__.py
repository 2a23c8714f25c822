"""What the operators of an installation see: the state of everything at one moment."""
