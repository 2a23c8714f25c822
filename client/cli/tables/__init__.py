"""How resources look as tables."""
