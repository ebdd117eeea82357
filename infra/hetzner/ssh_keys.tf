# Keys that the Hetzner project does not have yet; those that it has are named by existing_ssh_keys.

resource "hcloud_ssh_key" "this" {
  for_each = local.ssh_keys

  name       = "${var.cluster_name}-${each.key}"
  public_key = each.value
  labels     = local.labels["ssh-key"]
}
