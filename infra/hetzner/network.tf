resource "hcloud_network" "this" {
  name     = var.cluster_name
  ip_range = local.network_cidr
  labels   = local.labels["network"]
}

resource "hcloud_network_subnet" "this" {
  network_id   = hcloud_network.this.id
  type         = "cloud"
  network_zone = local.network_zones[var.location]
  ip_range     = local.subnet_cidr
}
