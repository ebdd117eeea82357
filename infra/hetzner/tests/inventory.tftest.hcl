# What is created, by topology. Applied against mocks, so that what is known only after an apply can be looked at too.

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
    defaults = { id = "105", ipv4 = "203.0.113.5" }
  }
  mock_resource "hcloud_server" {
    defaults = { id = "106", ipv4_address = "203.0.113.10" }
  }
}

run "one_control_plane_and_one_worker" {
  assert {
    condition     = length(hcloud_server.control_plane) == 1 && length(hcloud_server.worker) == 1
    error_message = "one server each was asked for"
  }
  assert {
    condition     = one(hcloud_server.control_plane[0].network).ip == "10.0.1.10" && one(hcloud_server.worker[0].network).ip == "10.0.1.50"
    error_message = "private addresses are fixed"
  }
  assert {
    condition     = hcloud_network.this.ip_range == "10.0.0.0/16" && hcloud_network_subnet.this.ip_range == "10.0.1.0/24" && hcloud_network_subnet.this.network_zone == "eu-central"
    error_message = "network or subnet is not the documented one"
  }
  assert {
    condition     = hcloud_server.control_plane[0].image == "ubuntu-24.04" && hcloud_server.control_plane[0].server_type == "cx33" && hcloud_server.worker[0].server_type == "cx43"
    error_message = "image or server types are wrong"
  }
  assert {
    condition     = hcloud_server.control_plane[0].location == "fsn1" && hcloud_load_balancer.this.location == "fsn1"
    error_message = "everything is in the location that was asked for"
  }
  assert {
    condition     = hcloud_server.control_plane[0].firewall_ids == toset([102]) && hcloud_server.worker[0].firewall_ids == toset([102])
    error_message = "every server is behind the firewall"
  }
  assert {
    condition     = hcloud_server.control_plane[0].ssh_keys == tolist(["103"])
    error_message = "every server knows the keys"
  }
  assert {
    condition     = output.control_plane_ip == "203.0.113.10" && output.control_plane_ips == ["203.0.113.10"] && output.load_balancer_ip == "203.0.113.5"
    error_message = "outputs do not say what was created"
  }
}

run "load_balancer" {
  assert {
    condition     = hcloud_load_balancer.this.load_balancer_type == "lb11" && hcloud_load_balancer_network.this.ip == "10.0.1.5"
    error_message = "an lb11 with a fixed private address was expected"
  }
  assert {
    condition = {
      for name, service in hcloud_load_balancer_service.this :
      name => [service.protocol, service.listen_port, service.destination_port, service.health_check[0].port]
      } == {
      http  = ["tcp", 80, 28080, 28080]
      https = ["tcp", 443, 28443, 28443]
    }
    error_message = "the load balancer must pass TCP 80 and 443 to the gateway's ports and check those"
  }
  assert {
    condition     = toset(keys(hcloud_load_balancer_target.this)) == toset(["control-plane-0", "worker-0"])
    error_message = "every server is a target"
  }
  assert {
    condition     = alltrue([for target in hcloud_load_balancer_target.this : target.use_private_ip && target.type == "server"])
    error_message = "targets are reached by their private addresses: the firewall is shut for the gateway's ports"
  }
}

run "labels" {
  assert {
    condition = {
      network       = hcloud_network.this.labels
      firewall      = hcloud_firewall.this.labels
      ssh_key       = one(values(hcloud_ssh_key.this)).labels
      group         = hcloud_placement_group.control_plane.labels
      worker_group  = hcloud_placement_group.worker[0].labels
      control_plane = hcloud_server.control_plane[0].labels
      worker        = hcloud_server.worker[0].labels
      load_balancer = hcloud_load_balancer.this.labels
      } == {
      for kind, role in {
        network      = "network", firewall = "firewall", ssh_key = "ssh-key", group = "control-plane",
        worker_group = "worker", control_plane = "control-plane", worker = "worker", load_balancer = "load-balancer"
      } : kind => tomap({ "catalyst.openova.io/sovereign" = "acme", "catalyst.openova.io/role" = role })
    }
    error_message = "what carries labels must carry ours and its role"
  }
}

run "firewall_without_ssh" {
  assert {
    condition = {
      for rule in hcloud_firewall.this.rule : coalesce(rule.port, rule.protocol) => rule.source_ips
      } == {
      for port in ["icmp", "80", "443", "6443"] : port => toset(["0.0.0.0/0", "::/0"])
    }
    error_message = "open to the world: 80, 443, 6443 and ICMP, and nothing else"
  }
}

run "firewall_with_ssh" {
  variables {
    ssh_allowed_cidrs = ["198.51.100.0/24", "2001:db8::/48"]
  }
  assert {
    condition     = one([for rule in hcloud_firewall.this.rule : rule.source_ips if rule.port == "22"]) == toset(["198.51.100.0/24", "2001:db8::/48"])
    error_message = "22 is open for the networks that were named, and for those only"
  }
}

run "firewall_with_a_narrow_api" {
  variables {
    api_allowed_cidrs = ["198.51.100.0/24", "2001:db8::/48"]
  }
  assert {
    condition = {
      for rule in hcloud_firewall.this.rule : coalesce(rule.port, rule.protocol) => rule.source_ips
      } == {
      icmp   = toset(["0.0.0.0/0", "::/0"])
      "80"   = toset(["0.0.0.0/0", "::/0"])
      "443"  = toset(["0.0.0.0/0", "::/0"])
      "6443" = toset(["198.51.100.0/24", "2001:db8::/48"])
    }
    error_message = "6443 is open for the networks that were named, and nothing else changes"
  }
}

run "high_availability" {
  variables {
    control_plane_sizes = ["cx33", "cpx32", "cx33"]
    worker_sizes        = ["cx43", "cx43", "cpx42"]
  }
  assert {
    condition     = [for server in hcloud_server.control_plane : one(server.network).ip] == ["10.0.1.10", "10.0.1.11", "10.0.1.12"]
    error_message = "three control planes have the first three addresses"
  }
  assert {
    condition     = hcloud_server.control_plane[*].server_type == ["cx33", "cpx32", "cx33"] && hcloud_server.worker[*].server_type == ["cx43", "cx43", "cpx42"]
    error_message = "sizes go by server"
  }
  assert {
    condition     = length(hcloud_load_balancer_target.this) == 6 && length(output.control_plane_ips) == 3
    error_message = "six targets and three control plane addresses were expected"
  }
}

run "control_plane_alone" {
  variables {
    worker_sizes = []
  }
  assert {
    condition     = length(hcloud_server.worker) == 0 && length(hcloud_placement_group.worker) == 0 && keys(hcloud_load_balancer_target.this) == ["control-plane-0"]
    error_message = "without workers the control plane carries everything"
  }
}

run "many_workers" {
  command = plan

  variables {
    worker_sizes = [for index in range(25) : "cx33"]
  }
  assert {
    condition     = length(hcloud_placement_group.worker) == 3
    error_message = "a spread group takes ten servers: 25 workers need three"
  }
  assert {
    condition     = length(distinct([for server in hcloud_server.worker : one(server.network).ip])) == 25 && one(hcloud_server.worker[24].network).ip == "10.0.1.74"
    error_message = "every worker has an address of its own"
  }
  assert {
    condition     = length(hcloud_load_balancer_target.this) == 25 && !contains(keys(hcloud_load_balancer_target.this), "control-plane-0")
    error_message = "an lb11 takes 25 targets, and workers come first"
  }
}

run "ssh_keys" {
  command = plan

  variables {
    ssh_public_keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz laptop",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXItc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Q= other",
    ]
  }
  assert {
    condition     = length(hcloud_ssh_key.this) == 2 && length(distinct([for key in hcloud_ssh_key.this : key.name])) == 2
    error_message = "Hetzner refuses a key twice, whatever its comment: two different keys make two objects"
  }
}

run "existing_ssh_keys" {
  command = plan

  variables {
    ssh_public_keys   = []
    existing_ssh_keys = ["team-key"]
  }
  assert {
    condition     = length(hcloud_ssh_key.this) == 0 && hcloud_server.worker[0].ssh_keys == tolist(["team-key"])
    error_message = "a key that the project has is used, not created"
  }
}

run "network_zone_follows_from_the_location" {
  command = plan

  variables {
    location = "sin"
  }
  assert {
    condition     = hcloud_network_subnet.this.network_zone == "ap-southeast"
    error_message = "sin is in ap-southeast"
  }
}
