# What a later plan does to servers that run.

mock_provider "hcloud" {
  # hcloud's ids are numbers in strings; a generated mock would be letters.
  mock_resource "hcloud_network" {
    defaults = { id = "101" }
  }
  mock_resource "hcloud_firewall" {
    defaults = { id = "102" }
  }
  mock_resource "hcloud_ssh_key" {
    defaults = { id = "103" }
  }
  mock_resource "hcloud_placement_group" {
    defaults = { id = "104" }
  }
  mock_resource "hcloud_load_balancer" {
    defaults = { id = "105" }
  }
  mock_resource "hcloud_server" {
    defaults = { id = "106" }
  }
}

run "created" {
  assert {
    condition     = hcloud_server.control_plane[0].user_data == local.control_plane_user_data[0]
    error_message = "a new server boots with what the template says"
  }
}

# Stands for any edit of a template or script: what cloud-init would be told today is not what it was told then.
run "an_edit_of_cloud_init_changes_no_server" {
  variables {
    kit_values      = { NEW = "value" }
    registries_yaml = "mirrors: {}"
    ssh_public_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXItc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Q= other"]
  }
  assert {
    condition     = nonsensitive(hcloud_server.control_plane[0].user_data != local.control_plane_user_data[0])
    error_message = "a running control plane keeps the user_data it was created with"
  }
  assert {
    condition     = nonsensitive(hcloud_server.worker[0].user_data != local.worker_user_data[0])
    error_message = "a running worker keeps the user_data it was created with"
  }
}

run "one_more_worker_gets_the_new_template" {
  variables {
    kit_values      = { NEW = "value" }
    registries_yaml = "mirrors: {}"
    worker_sizes    = ["cx43", "cx33"]
  }
  assert {
    condition     = nonsensitive(hcloud_server.worker[1].user_data == local.worker_user_data[1] && hcloud_server.worker[0].user_data != local.worker_user_data[0])
    error_message = "the new worker boots with today's template, the old one is left alone"
  }
}
