"""What executes inside the containers of a run's Job; imported by nothing of the operator process."""
