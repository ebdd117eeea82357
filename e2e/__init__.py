"""The lab and the stories that run on it."""
