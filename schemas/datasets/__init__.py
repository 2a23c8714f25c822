"""How datasets are read, their findings, and the changes between versions."""
