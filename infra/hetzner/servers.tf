# A Sovereign's servers. What they do at first boot is in cloudinit.tf.

resource "hcloud_placement_group" "control_plane" {
  name   = "${var.cluster_name}-control-plane"
  type   = "spread"
  labels = local.labels["control-plane"]
}

resource "hcloud_placement_group" "worker" {
  count = ceil(length(local.workers) / local.spread_group_size)

  name   = "${var.cluster_name}-worker-${count.index}"
  type   = "spread"
  labels = local.labels["worker"]
}

resource "hcloud_server" "control_plane" {
  count = length(local.control_planes)

  name               = local.control_planes[count.index].name
  server_type        = local.control_planes[count.index].size
  location           = var.location
  image              = "ubuntu-24.04"
  ssh_keys           = concat([for key in hcloud_ssh_key.this : key.id], var.existing_ssh_keys)
  firewall_ids       = [hcloud_firewall.this.id]
  placement_group_id = hcloud_placement_group.control_plane.id
  user_data          = local.control_plane_user_data[count.index]
  labels             = local.labels["control-plane"]

  network {
    network_id = hcloud_network.this.id
    ip         = local.control_planes[count.index].private_ip
    alias_ips  = []
  }

  # The address lies in the subnet, which the network block does not name.
  depends_on = [hcloud_network_subnet.this]

  lifecycle {
    # Read at first boot only. A change of one of them would replace a running server.
    ignore_changes = [user_data, image, ssh_keys]

    precondition {
      condition     = length(local.control_plane_user_data[count.index]) <= local.user_data_limit
      error_message = format(local.user_data_too_big, local.control_planes[count.index].name, nonsensitive(length(local.control_plane_user_data[count.index])))
    }

    precondition {
      condition     = local.control_plane_user_data_valid[count.index]
      error_message = format(local.user_data_invalid, local.control_planes[count.index].name)
    }

    precondition {
      condition     = var.agent_token != "" && (var.server_token != "" || count.index < var.existing_control_planes)
      error_message = local.tokens_missing
    }

    precondition {
      condition     = var.git.url != "" || local.control_planes[count.index].name != local.starter
      error_message = local.git_missing
    }
  }
}

resource "hcloud_server" "worker" {
  count = length(local.workers)

  name               = local.workers[count.index].name
  server_type        = local.workers[count.index].size
  location           = var.location
  image              = "ubuntu-24.04"
  ssh_keys           = concat([for key in hcloud_ssh_key.this : key.id], var.existing_ssh_keys)
  firewall_ids       = [hcloud_firewall.this.id]
  placement_group_id = hcloud_placement_group.worker[floor(count.index / local.spread_group_size)].id
  user_data          = local.worker_user_data[count.index]
  labels             = local.labels["worker"]

  network {
    network_id = hcloud_network.this.id
    ip         = local.workers[count.index].private_ip
    alias_ips  = []
  }

  depends_on = [hcloud_network_subnet.this]

  lifecycle {
    ignore_changes = [user_data, image, ssh_keys]

    precondition {
      condition     = length(local.worker_user_data[count.index]) <= local.user_data_limit
      error_message = format(local.user_data_too_big, local.workers[count.index].name, nonsensitive(length(local.worker_user_data[count.index])))
    }

    precondition {
      condition     = local.worker_user_data_valid[count.index]
      error_message = format(local.user_data_invalid, local.workers[count.index].name)
    }

    precondition {
      condition     = var.agent_token != ""
      error_message = local.tokens_missing
    }
  }
}
