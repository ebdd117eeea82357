"""The cloud project before anything is spent: what is checked there, which sizes it has and what they cost."""
