"""Thousands of Sovereigns, most of them handed off: what they cost, and how that grows."""
