"""The pure core: decisions from observations, no I/O, no clock, no environment."""
