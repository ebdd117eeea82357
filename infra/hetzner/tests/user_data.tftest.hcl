# Hetzner's limit on user_data is met at plan time, before anything is created.

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

run "a_large_but_possible_boot" {
  command = plan

  variables {
    # What does not compress: the kind of data that keys are.
    boot_manifests = { "10-large.yaml" = join("", [for index in range(100) : sha256(index)]) }
  }
  assert {
    condition     = nonsensitive(length(hcloud_server.control_plane[0].user_data)) <= 32768
    error_message = "this much fits"
  }
}

run "too_much_for_the_control_plane" {
  command = plan

  variables {
    boot_manifests = { "10-large.yaml" = join("", [for index in range(600) : sha256(index)]) }
  }
  expect_failures = [hcloud_server.control_plane[0]]
}

run "too_much_for_a_worker" {
  command = plan

  variables {
    registries_yaml = yamlencode({ mirrors = { for index in range(600) : sha256(index) => {} } })
  }
  expect_failures = [hcloud_server.control_plane[0], hcloud_server.worker[0]]
}

run "existing_control_planes_need_no_token" {
  command = plan

  variables {
    cluster_started         = true
    control_plane_sizes     = ["cx33"]
    existing_control_planes = 1
    server_token            = ""
  }

  assert {
    condition     = length(hcloud_server.control_plane) == 1
    error_message = "Whoever makes workers only is not to be given the token by which control planes join."
  }
}

run "a_further_control_plane_needs_a_token" {
  command = plan

  variables {
    cluster_started         = true
    control_plane_sizes     = ["cx33", "cx33", "cx33"]
    existing_control_planes = 1
    server_token            = ""
  }
  expect_failures = [hcloud_server.control_plane]
}

run "nothing_is_created_without_tokens" {
  command = plan

  variables {
    server_token = ""
    agent_token  = ""
  }
  expect_failures = [hcloud_server.control_plane[0], hcloud_server.worker[0]]
}
