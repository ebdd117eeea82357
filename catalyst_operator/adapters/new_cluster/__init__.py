"""Speaks to new clusters: connections, identities, what is watched and what is brought."""
