# A small cluster that uses every resource type of the stand-in provider once, in the ways that infra/hetzner does.

terraform {
  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "1.68.0"
    }
  }
}

provider "hcloud" {
  poll_interval = "100ms"
  poll_function = "constant"
}

variable "name" {
  type    = string
  default = "demo"
}

variable "servers" {
  type    = number
  default = 2
}

variable "server_type" {
  type    = string
  default = "cx23"
}

variable "location" {
  type    = string
  default = "fsn1"
}

variable "user_data" {
  type    = string
  default = "#cloud-config\n"
}

variable "public_key" {
  type    = string
  default = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f demo"
}

variable "labels" {
  type    = map(string)
  default = { "catalyst.openova.io/sovereign" = "demo" }
}

resource "hcloud_network" "this" {
  name     = var.name
  ip_range = "10.0.0.0/16"
  labels   = var.labels
}

resource "hcloud_network_subnet" "this" {
  network_id   = hcloud_network.this.id
  type         = "cloud"
  network_zone = "eu-central"
  ip_range     = "10.0.1.0/24"
}

resource "hcloud_firewall" "this" {
  name   = var.name
  labels = var.labels

  dynamic "rule" {
    for_each = toset(["80", "443", "6443"])
    content {
      direction  = "in"
      protocol   = "tcp"
      port       = rule.value
      source_ips = ["0.0.0.0/0", "::/0"]
    }
  }

  rule {
    direction   = "in"
    protocol    = "icmp"
    source_ips  = ["0.0.0.0/0", "::/0"]
    description = "ping"
  }
}

resource "hcloud_ssh_key" "this" {
  name       = var.name
  public_key = var.public_key
  labels     = var.labels
}

resource "hcloud_placement_group" "this" {
  name   = var.name
  type   = "spread"
  labels = var.labels
}

resource "hcloud_server" "this" {
  count = var.servers

  name               = "${var.name}-${count.index}"
  server_type        = var.server_type
  image              = "ubuntu-24.04"
  location           = var.location
  ssh_keys           = [hcloud_ssh_key.this.id]
  firewall_ids       = [hcloud_firewall.this.id]
  placement_group_id = hcloud_placement_group.this.id
  user_data          = var.user_data
  labels             = var.labels

  network {
    network_id = hcloud_network.this.id
    ip         = "10.0.1.${10 + count.index}"
    alias_ips  = []
  }

  depends_on = [hcloud_network_subnet.this]

  lifecycle {
    ignore_changes = [user_data, image, ssh_keys]
  }
}

resource "hcloud_load_balancer" "this" {
  name               = var.name
  load_balancer_type = "lb11"
  location           = var.location
  labels             = var.labels
}

resource "hcloud_load_balancer_network" "this" {
  load_balancer_id = hcloud_load_balancer.this.id
  network_id       = hcloud_network.this.id
  ip               = "10.0.1.2"

  depends_on = [hcloud_network_subnet.this]
}

resource "hcloud_load_balancer_service" "this" {
  for_each = { http = { listen = 80, to = 28080 }, https = { listen = 443, to = 28443 } }

  load_balancer_id = hcloud_load_balancer.this.id
  protocol         = "tcp"
  listen_port      = each.value.listen
  destination_port = each.value.to

  dynamic "health_check" {
    for_each = each.key == "http" ? [each.value.to] : []
    content {
      protocol = "tcp"
      port     = health_check.value
      interval = 10
      timeout  = 5
      retries  = 3
    }
  }
}

resource "hcloud_load_balancer_target" "this" {
  count = var.servers

  load_balancer_id = hcloud_load_balancer.this.id
  type             = "server"
  server_id        = hcloud_server.this[count.index].id
  use_private_ip   = true

  depends_on = [hcloud_load_balancer_network.this]
}

data "hcloud_location" "this" {
  name = var.location
}

data "hcloud_locations" "all" {}

data "hcloud_server_type" "this" {
  name = var.server_type
}

data "hcloud_image" "this" {
  name              = "ubuntu-24.04"
  with_architecture = "x86"
}

output "addresses" {
  value = hcloud_server.this[*].ipv4_address
}

output "load_balancer" {
  value = hcloud_load_balancer.this.ipv4
}

output "facts" {
  value = {
    zone  = data.hcloud_location.this.network_zone
    count = length(data.hcloud_locations.all.locations)
    cores = data.hcloud_server_type.this.cores
    image = data.hcloud_image.this.os_version
  }
}
