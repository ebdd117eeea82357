# What each server is told at its first boot.
#
# The templates list files and start units; the scripts are plain files without templating, written as JSON strings, which
# are YAML too and which gzip makes small. What varies reaches them as data, encoded for where it lands (quoted for the
# shell, JSON, YAML) and then as base64, so that no value, however hostile, can become code or break the document around it.

locals {
  # Without the lines that are comments, which are a third of them: whoever reads scripts finds them here.
  scripts = {
    for name in fileset("${path.module}/scripts", "*.sh") :
    name => replace(file("${path.module}/scripts/${name}"), "/(?m)^ *# .*\n/", "")
  }
  # What all servers are told alike.
  common = {
    scripts           = local.scripts
    blackhole_unit    = file("${path.module}/units/catalyst-metadata-blackhole.service")
    certificates_unit = file("${path.module}/units/catalyst-certificates.service")
    journald_conf     = file("${path.module}/units/journald.conf")
    networkd_conf     = file("${path.module}/units/networkd.conf")
    sysctl_conf       = file("${path.module}/units/sysctl.conf")
    registries_yaml   = var.registries_yaml
    # A file each, as update-ca-certificates wants it.
    trusted_authorities = { for index, pem in var.trusted_authorities : format("catalyst-%02d.crt", index) => pem }
    proxy_files         = local.proxy_files
  }
  # Whom a server does not ask through the proxy: itself, its network, Pods and Services as k3s numbers them, the metadata
  # service, and the names that lead to the load balancer.
  no_proxy = concat(
    ["127.0.0.1", "localhost", "127.0.0.0/8", "169.254.169.254", local.network_cidr, "10.42.0.0/16", "10.43.0.0/16"],
    [".svc", ".cluster.local", var.fqdn],
    try(var.proxy.exceptions, []),
  )
  # Both spellings: curl takes http_proxy in small letters only. Units that start with catalyst- are first boot's own.
  proxy_files = var.proxy == null ? {} : merge(
    {
      "/etc/catalyst/proxy.env" = join("", flatten([
        for name, value in { http_proxy = var.proxy.url, https_proxy = var.proxy.url, no_proxy = join(",", local.no_proxy) } :
        ["${name}=${value}\n", "${upper(name)}=${value}\n"]
      ]))
    },
    {
      for unit in ["catalyst-", "k3s", "k3s-agent"] :
      "/etc/systemd/system/${unit}.service.d/10-proxy.conf" => "[Service]\nEnvironmentFile=/etc/catalyst/proxy.env\n"
    },
  )
  downloads_unit = file("${path.module}/units/catalyst-downloads.service")
  cilium_values  = file("${path.module}/cilium-values.yaml")

  # Nodes look at their certificates a quarter of an hour apart, so that no two start k3s again at the same time: by their
  # number of all that there may be, which later servers do not change.
  certificates_timers = {
    for name, slot in merge(
      { for index, node in local.control_planes : node.name => index },
      { for index, node in local.workers : node.name => 3 + index },
    ) :
    name => templatefile("${path.module}/units/catalyst-certificates.timer.tftpl", {
      time = format("%02d:%02d", floor(slot / 4), 15 * (slot % 4))
    })
  }

  kit_name = "${var.fqdn}-bootstrap-kit"

  # The one server that begins the cluster, at the cluster's first boot and never again: a second one that did so, with
  # the same authorities, would be a second cluster.
  starter = var.cluster_started ? "" : local.control_planes[0].name

  # Whom each node can join through: every control plane but itself. scripts/choose-server.sh takes one that answers.
  join_addresses = {
    for node in concat(local.control_planes, local.workers) :
    node.name => [for other in local.control_planes : other.private_ip if other.name != node.name] if node.name != local.starter
  }

  # Of every k3s server. They must agree on these, or k3s refuses to let one join.
  server_config = {
    flannel-backend        = "none"
    disable-network-policy = true
    disable-kube-proxy     = true
    disable                = ["traefik", "servicelb"]
    tls-san                = [var.fqdn]
    token                  = var.server_token
    agent-token            = var.agent_token
  }

  control_plane_config = [
    for node in local.control_planes : merge(
      local.server_config,
      { node-name = node.name, node-ip = node.private_ip },
      { for key, value in { cluster-init = true } : key => value if node.name == local.starter },
    )
  ]
  worker_config = [
    for node in local.workers : {
      node-name = node.name
      node-ip   = node.private_ip
      token     = var.agent_token
    }
  ]

  # Manifests may lie in Flux's namespace, which is there before them, and before Flux.
  boot_manifests = merge({
    "00-namespace.yaml" = jsonencode({ apiVersion = "v1", kind = "Namespace", metadata = { name = "flux-system" } })
  }, var.boot_manifests)

  # A List in JSON rather than YAML: strings in JSON have one way to be quoted and none to escape from it.
  kit = jsonencode({
    apiVersion = "v1"
    kind       = "List"
    items = [
      {
        apiVersion = "source.toolkit.fluxcd.io/v1"
        kind       = "GitRepository"
        metadata   = { name = "openova-public", namespace = "flux-system" }
        spec = merge(
          { interval = "5m", timeout = "60s", url = var.git.url, ref = { for name, value in var.git.ref : name => value if value != null } },
          { for key, value in { secretRef = { name = var.git.secret_name } } : key => value if var.git.secret_name != "" },
          { for verify in [var.git.verify] : "verify" => { mode = verify.mode, secretRef = { name = verify.secret_name } } if verify != null },
        )
      },
      {
        apiVersion = "kustomize.toolkit.fluxcd.io/v1"
        kind       = "Kustomization"
        metadata   = { name = local.kit_name, namespace = "flux-system" }
        spec = merge(
          {
            interval      = "10m"
            retryInterval = "1m"
            timeout       = "5m"
            prune         = true
            # The operator follows the releases by itself, and each has a timeout of its own: a Kustomization that
            # waited for all of them would apply no repair before its own timeout.
            wait      = false
            path      = var.git.path
            sourceRef = { kind = "GitRepository", name = "openova-public" }
            postBuild = { substitute = var.kit_values }
          },
          { for key, value in { components = var.git.components } : key => value if length(var.git.components) > 0 },
        )
      },
    ]
  })

  # What the scripts source: NAME='value' lines, a quote in a value written as '\''.
  shell_lines = {
    for name, download in var.release.downloads : name => {
      "${upper(name)}_VERSION"       = download.version
      "${upper(name)}_URL"           = download.url
      "${upper(name)}_SHA256"        = download.sha256 == null ? "" : download.sha256
      "${upper(name)}_CHECKSUMS_URL" = download.checksums_url == null ? "" : download.checksums_url
    }
  }
  node_env = {
    for node in concat(local.control_planes, local.workers) : node.name => merge(
      {
        NODE_NAME   = node.name
        NODE_IP     = node.private_ip
        K3S_SERVICE = contains(local.workers[*].name, node.name) ? "k3s-agent.service" : "k3s.service"
      },
      local.shell_lines["k3s"],
      { for addresses in [lookup(local.join_addresses, node.name, null)] :
        "JOIN_ADDRESSES" => join(" ", addresses) if addresses != null
      },
      { for name, value in merge({ KIT_NAME = local.kit_name }, values(local.shell_lines)...) :
        name => value if node.name == local.starter
      },
    )
  }
  node_env_files = {
    for node, variables in local.node_env : node => join("", [
      for name, value in variables : "${name}='${replace(value, "'", "'\\''")}'\n"
    ])
  }

  control_plane_cloud_config = [
    for index, node in local.control_planes : templatefile("${path.module}/cloudinit-control-plane.tftpl", merge(local.common, {
      starts = node.name == local.starter
      k3s_unit = templatefile("${path.module}/units/k3s.service.tftpl", {
        mode = "server", joins = node.name != local.starter
      })
      bootstrap_unit = templatefile("${path.module}/units/catalyst-bootstrap.service.tftpl", {
        scripts = node.name == local.starter ? ["bootstrap-node.sh", "bootstrap-cluster.sh"] : ["bootstrap-node.sh"]
      })
      certificates_timer = local.certificates_timers[node.name]
      node_env           = local.node_env_files[node.name]
      k3s_config         = yamlencode(local.control_plane_config[index])
      downloads_unit     = local.downloads_unit
      ca_files           = var.ca_files
      cilium_values      = local.cilium_values
      boot_manifests     = local.boot_manifests
      kit                = local.kit
    }))
  ]

  worker_cloud_config = [
    for index, node in local.workers : templatefile("${path.module}/cloudinit-worker.tftpl", merge(local.common, {
      k3s_unit = templatefile("${path.module}/units/k3s.service.tftpl", { mode = "agent", joins = true })
      bootstrap_unit = templatefile("${path.module}/units/catalyst-bootstrap.service.tftpl", {
        scripts = ["bootstrap-node.sh"]
      })
      certificates_timer = local.certificates_timers[node.name]
      node_env           = local.node_env_files[node.name]
      k3s_config         = yamlencode(local.worker_config[index])
    }))
  ]

  control_plane_user_data = [for text in local.control_plane_cloud_config : base64gzip(text)]
  worker_user_data        = [for text in local.worker_cloud_config : base64gzip(text)]

  # Whether cloud-init would read it: a document that a value broke would only show on the node.
  control_plane_user_data_valid = [
    for text in local.control_plane_cloud_config :
    startswith(text, "#cloud-config\n") && can([
      for file in yamldecode(text).write_files : try(file.encoding, "") == "" ? file.content : base64gunzip(file.content)
    ])
  ]
  worker_user_data_valid = [
    for text in local.worker_cloud_config :
    startswith(text, "#cloud-config\n") && can([
      for file in yamldecode(text).write_files : try(file.encoding, "") == "" ? file.content : base64gunzip(file.content)
    ])
  ]
}
