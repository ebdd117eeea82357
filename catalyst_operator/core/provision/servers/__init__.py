"""Changes of servers that exist: whose turn it is, and what has to be before one is powered off, taken away or made
again."""
