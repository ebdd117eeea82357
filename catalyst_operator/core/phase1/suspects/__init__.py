"""What may be the cause when a new cluster does not get on, one module for each place to look."""
