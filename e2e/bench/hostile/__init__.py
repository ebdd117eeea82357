"""A new cluster that does its worst, beside good ones."""
