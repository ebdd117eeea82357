"""The kit as it was published, made again from what is known of it: a tree that this project did not write."""
