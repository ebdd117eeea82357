locals {
  # Where the kit's gateway listens on every node (clusters/_template/infrastructure/gateway): apart from the ports that
  # Cilium gives its proxies (10000-20000), Kubernetes NodePorts (30000-32767) and the kernel connections (from 32768).
  services = {
    http  = { listen = 80, port = 28080 }
    https = { listen = 443, port = 28443 }
  }

  # The gateway listens on every node, so every node is a target and the entrance survives as long as one node does. An
  # lb11 takes 25; workers come first.
  target_limit = 25
  server_ids = merge(
    { for index, server in hcloud_server.worker : "worker-${index}" => server.id },
    { for index, server in hcloud_server.control_plane : "control-plane-${index}" => server.id },
  )
  target_keys = slice(
    concat(
      [for index, worker in local.workers : "worker-${index}"],
      [for index, control_plane in local.control_planes : "control-plane-${index}"],
    ),
    0, min(local.target_limit, length(local.workers) + length(local.control_planes)),
  )
}

resource "hcloud_load_balancer" "this" {
  name               = var.cluster_name
  load_balancer_type = "lb11"
  location           = var.location
  labels             = local.labels["load-balancer"]
}

resource "hcloud_load_balancer_network" "this" {
  load_balancer_id = hcloud_load_balancer.this.id
  network_id       = hcloud_network.this.id
  ip               = local.load_balancer_ip

  depends_on = [hcloud_network_subnet.this]
}

resource "hcloud_load_balancer_service" "this" {
  for_each = local.services

  load_balancer_id = hcloud_load_balancer.this.id
  protocol         = "tcp"
  listen_port      = each.value.listen
  destination_port = each.value.port

  health_check {
    protocol = "tcp"
    port     = each.value.port
    interval = 10
    timeout  = 5
    retries  = 3
  }
}

resource "hcloud_load_balancer_target" "this" {
  for_each = toset(local.target_keys)

  load_balancer_id = hcloud_load_balancer.this.id
  type             = "server"
  server_id        = local.server_ids[each.key]
  use_private_ip   = true

  # A private target is refused until the load balancer itself is in the network.
  depends_on = [hcloud_load_balancer_network.this]
}
