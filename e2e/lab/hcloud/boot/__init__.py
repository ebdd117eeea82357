"""Boots the emulated cloud's servers: what cloud-init would do comes true in a small control plane.

Real are etcd, the API servers and kustomize-controller, started with what user_data says. There is neither k3s, nor a
kubelet, nor a container on these servers: what speaks for them (Nodes, Flux's Deployments, the other controllers) is a
stand-in. A server whose user_data lacks what k3s, Cilium or Flux need does not come up, and its log says why.
"""
