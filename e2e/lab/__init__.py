"""The lab: a real Kubernetes cluster, and stand-ins for the clouds, on one Debian machine without a registry."""
