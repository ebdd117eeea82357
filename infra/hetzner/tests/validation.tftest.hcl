# Every rule of variables.tf refuses what it is there for.

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

run "cluster_name_upper_case" {
  command = plan

  variables {
    cluster_name = "Acme"
  }
  expect_failures = [var.cluster_name]
}

run "cluster_name_too_long_for_host_names" {
  command = plan

  variables {
    cluster_name = "a23456789012345678901234567890123456789012345678"
  }
  expect_failures = [var.cluster_name]
}

run "cluster_name_ends_in_a_hyphen" {
  command = plan

  variables {
    cluster_name = "acme-"
  }
  expect_failures = [var.cluster_name]
}

run "fqdn_one_label" {
  command = plan

  variables {
    fqdn = "acme"
  }
  expect_failures = [var.fqdn]
}

run "fqdn_too_long_for_a_label" {
  command = plan

  variables {
    fqdn = "a-name-that-is-rather-long-for-anyone.omani.works.example"
  }
  expect_failures = [var.fqdn]
}

run "fqdn_shell_in_a_name" {
  command = plan

  variables {
    fqdn = "acme.$(reboot).works"
  }
  expect_failures = [var.fqdn]
}

run "fqdn_line_break" {
  command = plan

  variables {
    fqdn = "acme.omani.works\n"
  }
  expect_failures = [var.fqdn]
}

run "labels_space_in_a_value" {
  command = plan

  variables {
    labels = { team = "a b" }
  }
  expect_failures = [var.labels]
}

run "labels_the_modules_own_label" {
  command = plan

  variables {
    labels = { "catalyst.openova.io/role" = "worker" }
  }
  expect_failures = [var.labels]
}

run "location_datacenter" {
  command = plan

  variables {
    location = "fsn1-dc14"
  }
  expect_failures = [var.location]
}

run "control_plane_sizes_two_control_planes" {
  command = plan

  variables {
    control_plane_sizes = ["cx33", "cx33"]
  }
  expect_failures = [var.control_plane_sizes]
}

run "control_plane_sizes_arm" {
  command = plan

  variables {
    control_plane_sizes = ["cax21"]
  }
  expect_failures = [var.control_plane_sizes]
}

run "worker_sizes_arm" {
  command = plan

  variables {
    worker_sizes = ["cax21"]
  }
  expect_failures = [var.worker_sizes]
}

run "worker_sizes_more_than_the_network_takes" {
  command = plan

  variables {
    worker_sizes = [for index in range(91) : "cx33"]
  }
  expect_failures = [var.worker_sizes]
}

run "ssh_public_keys_private_key" {
  command = plan

  variables {
    ssh_public_keys = ["-----BEGIN OPENSSH PRIVATE KEY-----"]
  }
  expect_failures = [var.ssh_public_keys]
}

run "ssh_public_keys_two_lines" {
  command = plan

  variables {
    ssh_public_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTk= a\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTk= b"]
  }
  expect_failures = [var.ssh_public_keys]
}

run "existing_ssh_keys_empty_name" {
  command = plan

  variables {
    existing_ssh_keys = [" "]
  }
  expect_failures = [var.existing_ssh_keys]
}

run "ssh_allowed_cidrs_address_without_prefix" {
  command = plan

  variables {
    ssh_allowed_cidrs = ["198.51.100.7"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "ssh_allowed_cidrs_host_bits" {
  command = plan

  variables {
    ssh_allowed_cidrs = ["198.51.100.7/24"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "api_allowed_cidrs_address_without_prefix" {
  command = plan

  variables {
    api_allowed_cidrs = ["198.51.100.7"]
  }
  expect_failures = [var.api_allowed_cidrs]
}

run "api_allowed_cidrs_host_bits" {
  command = plan

  variables {
    api_allowed_cidrs = ["198.51.100.7/24"]
  }
  expect_failures = [var.api_allowed_cidrs]
}

run "api_allowed_cidrs_none" {
  command = plan

  variables {
    api_allowed_cidrs = []
  }
  expect_failures = [var.api_allowed_cidrs]
}

run "ca_files_one_missing" {
  command = plan

  variables {
    ca_files = { "server-ca.crt" = "-----BEGIN CERTIFICATE-----\n" }
  }
  expect_failures = [var.ca_files]
}

run "ca_files_outside_the_tls_directory" {
  command = plan

  variables {
    ca_files = { "../../etc/passwd" = "-----BEGIN CERTIFICATE-----\n" }
  }
  expect_failures = [var.ca_files]
}

run "server_token_guessable" {
  command = plan

  variables {
    server_token = "short"
  }
  expect_failures = [var.server_token]
}

run "server_token_a_ca_hash_without_the_ca" {
  command = plan

  variables {
    server_token = "K10${sha256("a")}::server:0123456789abcdef"
  }
  expect_failures = [var.server_token]
}

run "agent_token_a_ca_hash_without_the_ca" {
  command = plan

  variables {
    agent_token = "K10${sha256("a")}::node:0123456789abcdef"
  }
  expect_failures = [var.agent_token]
}

# Whoever makes servers of a cluster that stands needs no key of its authorities.
run "tokens_with_a_ca_hash_once_the_cluster_has_started" {
  command = plan

  variables {
    cluster_started = true
    ca_files        = {}
    server_token    = "K10${sha256("a")}::server:0123456789abcdef"
    agent_token     = "K10${sha256("a")}::node:fedcba9876543210"
  }
}

run "agent_token_a_server_token" {
  command = plan

  variables {
    agent_token = "K10${sha256("a")}::server:0123456789abcdef"
  }
  expect_failures = [var.agent_token]
}

run "agent_token_the_same_as_the_servers" {
  command = plan

  variables {
    agent_token = "0123456789abcdef0123456789abcdef"
  }
  expect_failures = [var.agent_token]
}

run "git_scp_form" {
  command = plan

  variables {
    git = { url = "git@github.com:a/b", ref = { branch = "main" }, path = "./kit" }
  }
  expect_failures = [var.git]
}

run "git_branch_with_a_space" {
  command = plan

  variables {
    git = { url = "https://git.example.com/x", ref = { branch = "a b" }, path = "./kit" }
  }
  expect_failures = [var.git]
}

run "git_branch_and_tag" {
  command = plan

  variables {
    git = { url = "https://git.example.com/x", ref = { branch = "main", tag = "v1.0.0" }, path = "./kit" }
  }
  expect_failures = [var.git]
}

run "git_nothing_of_it" {
  command = plan

  variables {
    git = { url = "https://git.example.com/x", ref = {}, path = "./kit" }
  }
  expect_failures = [var.git]
}

run "git_verify_of_another_kind" {
  command = plan

  variables {
    git = {
      url    = "https://git.example.com/x"
      ref    = { tag = "v1.0.0" }
      path   = "./kit"
      verify = { mode = "cosign", secret_name = "keys" }
    }
  }
  expect_failures = [var.git]
}

run "git_nowhere" {
  command = plan

  variables {
    git = { url = "", ref = { tag = "v1.0.0" }, path = "./kit" }
  }
  expect_failures = [hcloud_server.control_plane]
}

run "git_nowhere_once_it_has_started" {
  command = plan

  variables {
    cluster_started = true
    git             = { url = "", ref = { tag = "v1.0.0" }, path = "./kit" }
  }
}

run "git_path_outside_the_repository" {
  command = plan

  variables {
    git = { url = "https://git.example.com/x", ref = { branch = "main" }, path = "./a/../../b" }
  }
  expect_failures = [var.git]
}

run "git_absolute_path" {
  command = plan

  variables {
    git = { url = "https://git.example.com/x", ref = { branch = "main" }, path = "/kit" }
  }
  expect_failures = [var.git]
}

run "release_shell_in_a_url" {
  command = plan

  variables {
    release = {
      name      = "r"
      downloads = { for name in ["cilium", "flux", "gateway_api", "helm", "k3s"] : name => { version = "v1", url = "https://m.example/$(id)", sha256 = sha256("x"), checksums_url = null } }
    }
  }
  expect_failures = [var.release]
}

run "release_not_a_sha256" {
  command = plan

  variables {
    release = {
      name      = "r"
      downloads = { for name in ["cilium", "flux", "gateway_api", "helm", "k3s"] : name => { version = "v1", url = "https://m.example/x", sha256 = "abc", checksums_url = null } }
    }
  }
  expect_failures = [var.release]
}

run "release_unchecked" {
  command = plan

  variables {
    release = {
      name      = "r"
      downloads = { for name in ["cilium", "flux", "gateway_api", "helm", "k3s"] : name => { version = "v1", url = "https://m.example/x", sha256 = null, checksums_url = null } }
    }
  }
  expect_failures = [var.release]
}

run "release_checksums_without_tls" {
  command = plan

  variables {
    release = {
      name      = "r"
      downloads = { for name in ["cilium", "flux", "gateway_api", "helm", "k3s"] : name => { version = "v1", url = "https://m.example/x", sha256 = null, checksums_url = "http://m.example/sums" } }
    }
  }
  expect_failures = [var.release]
}

run "release_quote_in_a_version" {
  command = plan

  variables {
    release = {
      name      = "r"
      downloads = { for name in ["cilium", "flux", "gateway_api", "helm", "k3s"] : name => { version = "v1'", url = "https://m.example/x", sha256 = sha256("x"), checksums_url = null } }
    }
  }
  expect_failures = [var.release]
}

run "release_one_missing" {
  command = plan

  variables {
    release = { name = "r", downloads = {} }
  }
  expect_failures = [var.release]
}

run "kit_values_name_with_a_hyphen" {
  command = plan

  variables {
    kit_values = { "a-b" = "c" }
  }
  expect_failures = [var.kit_values]
}

run "boot_manifests_path_in_a_name" {
  command = plan

  variables {
    boot_manifests = { "../x.yaml" = "" }
  }
  expect_failures = [var.boot_manifests]
}

run "registries_yaml_not_a_mapping" {
  command = plan

  variables {
    registries_yaml = "- a"
  }
  expect_failures = [var.registries_yaml]
}

run "registries_yaml_not_yaml" {
  command = plan

  variables {
    registries_yaml = "{"
  }
  expect_failures = [var.registries_yaml]
}

run "an_authority_that_is_no_certificate" {
  command = plan

  variables {
    trusted_authorities = ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
  }
  expect_failures = [var.trusted_authorities]
}

run "two_authorities_in_one" {
  command = plan

  variables {
    trusted_authorities = [join("", [for _ in range(2) : "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])]
  }
  expect_failures = [var.trusted_authorities]
}

run "a_proxy_with_a_password" {
  command = plan

  variables {
    proxy = { url = "http://me:secret@proxy.example.com:3128" }
  }
  expect_failures = [var.proxy]
}

run "a_proxy_exception_that_is_none" {
  command = plan

  variables {
    proxy = { url = "http://proxy.example.com:3128", exceptions = ["a b"] }
  }
  expect_failures = [var.proxy]
}
