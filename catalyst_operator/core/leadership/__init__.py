"""Which of several operators acts, judged from what each sees of the Lease."""
