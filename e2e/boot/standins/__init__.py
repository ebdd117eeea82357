"""What cannot be had, each in a module of its own: k3s, Cilium's chart, Flux's manifest.

k3s is not among the Go modules, and containers have no kernel of their own to run Cilium on. The stand-ins ask for what
the real ones ask for, in what first boot gives them, and bring about what it waits for.
"""
