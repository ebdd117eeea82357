# Guards the public addresses only: Hetzner's firewalls do not see the private network, so the load balancer reaches
# the gateway, and nodes each other, without a rule.
resource "hcloud_firewall" "this" {
  name   = var.cluster_name
  labels = local.labels["firewall"]

  rule {
    direction  = "in"
    protocol   = "icmp"
    source_ips = local.anywhere
  }

  dynamic "rule" {
    for_each = { "80" = local.anywhere, "443" = local.anywhere, "6443" = var.api_allowed_cidrs }
    content {
      direction  = "in"
      protocol   = "tcp"
      port       = rule.key
      source_ips = rule.value
    }
  }

  # An empty list of sources would be refused by the API, and is not what "closed" means: no CIDR, no rule.
  dynamic "rule" {
    for_each = length(var.ssh_allowed_cidrs) > 0 ? ["22"] : []
    content {
      direction  = "in"
      protocol   = "tcp"
      port       = rule.value
      source_ips = var.ssh_allowed_cidrs
    }
  }
}

locals {
  anywhere = ["0.0.0.0/0", "::/0"]
}
