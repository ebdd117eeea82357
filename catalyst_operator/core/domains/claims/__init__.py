"""Whose a name is: which names nobody gets, who was first, and what proves it."""
