"""Servers that really boot, on one machine: systemd as process 1, real cloud-init, real DHCP, and user_data as it is.

A server is a Debian root folder that systemd-nspawn starts in a network of its own. Around it is what a server meets at
Hetzner's: a metadata service, DHCP, a private network that comes later, and the vendors that it downloads from. What
cannot be had is in `standins`, and says so.
"""
