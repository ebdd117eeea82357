"""A run: its variables, its Job, how it went, what stands in its way, and when the next attempt is made."""
