output "control_plane_ips" {
  description = "Public IPv4 addresses of the control planes, the first one first. The Kubernetes API answers on port 6443 of each."
  value       = hcloud_server.control_plane[*].ipv4_address
}

output "control_plane_ip" {
  description = "Public IPv4 address of the first control plane."
  # While a broken run is put in order, the state may not know of it yet.
  value = try(hcloud_server.control_plane[0].ipv4_address, null)
}

output "load_balancer_ip" {
  description = "Public IPv4 address of the load balancer: what the Sovereign's DNS records point to."
  value       = hcloud_load_balancer.this.ipv4
}

output "network_id" {
  description = "Id of the network that everything else is in: what tells that a token opens the right project."
  value       = hcloud_network.this.id
}

output "server_ids" {
  description = "Ids of the servers: control planes, a space, workers; each list in the order of their numbers. Tells a server that was made again from the one before it."
  # One string, because outputs are read from a termination message, which has little room.
  value = join(" ", [join(",", hcloud_server.control_plane[*].id), join(",", hcloud_server.worker[*].id)])
}
