"""The functions of AutoLearn's own steps."""
