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

run "that_the_cluster_stands_changes_no_server_that_runs" {
  variables {
    kit_values      = { NEW = "value" }
    registries_yaml = "mirrors: {}"
    worker_sizes    = ["cx43", "cx33"]
    cluster_started = true
  }
  assert {
    condition     = nonsensitive(hcloud_server.control_plane[0].user_data != local.control_plane_user_data[0])
    error_message = "the control plane that started the cluster keeps the user_data it was created with"
  }
}

run "further_control_planes_join_the_one_that_runs" {
  variables {
    control_plane_sizes = ["cx33", "cx33", "cx33"]
    worker_sizes        = ["cx43", "cx33"]
    cluster_started     = true
  }
  assert {
    condition     = nonsensitive(hcloud_server.control_plane[2].user_data == local.control_plane_user_data[2])
    error_message = "a new control plane boots with today's template"
  }
  assert {
    condition     = nonsensitive([for config in local.control_plane_config : lookup(config, "cluster-init", false)]) == [false, false, false]
    error_message = "once the cluster stands no server starts one, control plane 0 neither if it has to be made again"
  }
  assert {
    condition     = local.join_addresses["acme-1a2b3-control-plane-0"] == ["10.0.1.11", "10.0.1.12"] && local.join_addresses["acme-1a2b3-worker-0"] == ["10.0.1.10", "10.0.1.11", "10.0.1.12"]
    error_message = "every node joins through any control plane but itself"
  }
}
