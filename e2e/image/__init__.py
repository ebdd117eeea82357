"""The users' image, built from deploy/images/Dockerfile as users build it, and looked at: `make image-test`."""
