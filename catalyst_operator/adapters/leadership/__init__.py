"""One operator acts at a time: its Lease, and what keeps everything it sends within the Lease's time."""
