"""Stand-in for k3s, one executable file as the real one is.

It reads k3s' configuration, refuses what k3s refuses (unknown flags, an address that is not there, authorities and
tokens that do not fit, a node password that is another's, arguments that must agree), and then runs real etcd and a
real API server with the files that user_data wrote. There is no kubelet and no container: Nodes, Deployments and Jobs
are declared ready once Cilium's objects are there. Other than with k3s, servers and agents talk on a port of their own
(9345), and the API server itself answers on 6443.
"""
