# What follows from the variables alone: names, addresses, labels.

locals {
  network_zones = {
    fsn1 = "eu-central"
    nbg1 = "eu-central"
    hel1 = "eu-central"
    ash  = "us-east"
    hil  = "us-west"
    sin  = "ap-southeast"
  }

  # Fixed addresses make user_data known at plan time: joining servers and workers are told where the control planes
  # are. 10.0.1.1 is Hetzner's gateway.
  network_cidr           = "10.0.0.0/16"
  subnet_cidr            = "10.0.1.0/24"
  load_balancer_ip       = cidrhost(local.subnet_cidr, 5)
  control_plane_host_min = 10
  worker_host_min        = 50

  # Hetzner puts at most ten servers into one spread placement group.
  spread_group_size = 10

  role_label = "catalyst.openova.io/role"
  labels = {
    for role in ["network", "firewall", "ssh-key", "control-plane", "worker", "load-balancer"] :
    role => merge(var.labels, { (local.role_label) = role })
  }

  control_planes = [
    for index, size in var.control_plane_sizes : {
      name       = "${var.cluster_name}-control-plane-${index}"
      size       = size
      private_ip = cidrhost(local.subnet_cidr, local.control_plane_host_min + index)
    }
  ]
  workers = [
    for index, size in var.worker_sizes : {
      name       = "${var.cluster_name}-worker-${index}"
      size       = size
      private_ip = cidrhost(local.subnet_cidr, local.worker_host_min + index)
    }
  ]

  # A key is its type and body; the comment is not part of it. Keyed by what Hetzner compares, a key that was given
  # twice with different comments is one resource.
  ssh_keys = {
    for key in distinct([for key in var.ssh_public_keys : join(" ", slice(split(" ", trimspace(key)), 0, 2))]) :
    substr(sha256(key), 0, 12) => key
  }

  # Hetzner's limit on user_data, as it is sent: compressed and base64-encoded.
  user_data_limit   = 32 * 1024
  user_data_too_big = "user_data of %s is %d bytes, more than Hetzner's 32768: its first boot would be refused. Shorten what travels in it: kit_values, boot_manifests, registries_yaml or ca_files."
  user_data_invalid = "user_data of %s is not valid cloud-config: its first boot would do nothing. A value breaks the document around it."
  git_missing       = "git.url is empty, so that a new cluster would follow nothing. It may be left out for a cluster that has started, and for `tofu destroy`."
  tokens_missing    = "server_token or agent_token is empty, so that nodes could not join. Both may be left out for `tofu destroy`, and server_token where no control plane is to be made (existing_control_planes)."
}
