"""Faults injected into the real system under load, and what an independent checker says after."""
