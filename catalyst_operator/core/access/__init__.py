"""How the new cluster is reached, as whom, and how that ends."""
