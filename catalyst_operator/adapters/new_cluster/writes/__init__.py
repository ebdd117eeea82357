"""What the operator changes on a new cluster: each as an identity that may do that and nothing else."""
