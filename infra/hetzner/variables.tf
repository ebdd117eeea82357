variable "cluster_name" {
  description = "Prefix of the name of every cloud object. Unique within the Hetzner project."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,44}[a-z0-9])?$", var.cluster_name))
    error_message = "cluster_name must be 1 to 46 characters: lower-case letters, digits and '-', neither beginning nor ending with '-'. Server names are made from it, and those are host names of at most 63 characters."
  }
}

variable "fqdn" {
  description = "Domain of the Sovereign, such as acme.omani.works. The API server's certificate carries it, and Flux's objects are named after it."
  type        = string

  validation {
    condition     = length(var.fqdn) <= 49 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.fqdn))
    error_message = "fqdn must be a lower-case domain name with at least one dot, without a dot at the end, and at most 49 characters: Flux puts '<fqdn>-bootstrap-kit' into a label of 63."
  }
}

variable "labels" {
  description = "Labels of every cloud object that can carry any. The module adds catalyst.openova.io/role."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.labels :
      can(regex("^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", key)) &&
      can(regex("^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$", value))
    ])
    error_message = "labels must follow Hetzner's rules, which are those of Kubernetes: keys of letters, digits, '.', '_' and '-' with an optional domain before '/', values of at most 63 such characters."
  }

  validation {
    condition     = !contains(keys(var.labels), "catalyst.openova.io/role")
    error_message = "labels must not contain catalyst.openova.io/role: the module sets it on each object."
  }
}

variable "location" {
  description = "Hetzner location of everything: fsn1, nbg1, hel1, ash, hil or sin. The network zone follows from it."
  type        = string

  validation {
    condition     = contains(["fsn1", "nbg1", "hel1", "ash", "hil", "sin"], var.location)
    error_message = "location must be one of fsn1, nbg1, hel1, ash, hil and sin, such as fsn1. A datacenter like fsn1-dc14 is not a location."
  }
}

variable "control_plane_sizes" {
  description = "Server type of each control plane: one entry, or three for high availability. A list, so that a fallback size of one server never touches the others."
  type        = list(string)

  validation {
    condition     = contains([1, 3], length(var.control_plane_sizes))
    error_message = "control_plane_sizes must have 1 or 3 entries: etcd needs an odd number to keep its quorum, and more than three gain nothing here."
  }

  validation {
    condition     = alltrue([for size in var.control_plane_sizes : can(regex("^(cx|cpx|ccx)[0-9]{2}$", size))])
    error_message = "control_plane_sizes must be x86 server types of Hetzner Cloud, such as cpx32, cx33 or ccx13. Arm types (cax..) cannot boot: a release pins amd64 binaries."
  }
}

variable "worker_sizes" {
  description = "Server type of each worker; an empty list makes none, and the control planes carry everything. A list, so that a fallback size of one server never touches the others."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.worker_sizes) <= 90
    error_message = "worker_sizes may have at most 90 entries: a Hetzner network takes 100 servers and load balancers."
  }

  validation {
    condition     = alltrue([for size in var.worker_sizes : can(regex("^(cx|cpx|ccx)[0-9]{2}$", size))])
    error_message = "worker_sizes must be x86 server types of Hetzner Cloud, such as cpx32, cx33 or ccx13. Arm types (cax..) cannot boot: a release pins amd64 binaries."
  }
}

variable "cluster_started" {
  description = "Whether the cluster exists: true from the first apply that made its first control plane on. As long as it does not, control plane 0 starts it; afterwards every new server joins, control plane 0 included, if it has to be made again. Read at a server's first boot only."
  type        = bool
  default     = false
}

variable "existing_control_planes" {
  description = "How many of the control planes exist already, counted from the first. They were told their secrets at their first boot, so that server_token may be empty for them."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 3], var.existing_control_planes)
    error_message = "existing_control_planes must be 0, 1 or 3: as many as a cluster has control planes, or none yet."
  }
}

variable "ssh_public_keys" {
  description = "Public SSH keys that may log in as root, in OpenSSH format. Without one Hetzner mails a root password to the project's owner. Hetzner accepts a key once per project: one that the project already has goes to existing_ssh_keys."
  type        = list(string)
  default     = []

  validation {
    # The body of an OpenSSH key begins with the length and the name of its own type, base64-encoded.
    condition = alltrue([
      for key in var.ssh_public_keys :
      can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\\.com|sk-ecdsa-sha2-nistp256@openssh\\.com) AAAA[A-Za-z0-9+/]+={0,3}( [^\\n\\r]*)?$", trimspace(key)))
    ])
    error_message = "ssh_public_keys must be public keys on one line, such as 'ssh-ed25519 AAAAC3Nz... you@example.com' (the contents of the .pub file). A private key must never be given."
  }
}

variable "existing_ssh_keys" {
  description = "Names or ids of SSH keys that the Hetzner project already has and that may log in as root too. They are used, and neither created nor deleted."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for key in var.existing_ssh_keys : trimspace(key) != ""])
    error_message = "existing_ssh_keys must be names or ids of SSH keys in the Hetzner project; one of them is empty."
  }
}

variable "ssh_allowed_cidrs" {
  description = "Networks from which port 22 is reachable. Without any it stays closed."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : can(cidrsubnet(cidr, 0, 0))])
    error_message = "ssh_allowed_cidrs must be networks in CIDR notation, such as 203.0.113.7/32 or 2001:db8::/48."
  }

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : try(cidrsubnet(cidr, 0, 0), cidr) == cidr])
    error_message = "ssh_allowed_cidrs must name networks, not addresses within them, or Hetzner refuses the rule. Write: ${join(", ", [for cidr in var.ssh_allowed_cidrs : try(cidrsubnet(cidr, 0, 0), cidr)])}."
  }
}

variable "api_allowed_cidrs" {
  description = "Networks from which port 6443, the Kubernetes API, is reachable at the servers' public addresses. Nodes reach each other in the private network, which no firewall guards. Whoever runs the module needs to be among them if it talks to the new cluster."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.api_allowed_cidrs) > 0
    error_message = "api_allowed_cidrs must name at least one network: with none, nobody outside could reach the Kubernetes API."
  }

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : can(cidrsubnet(cidr, 0, 0))])
    error_message = "api_allowed_cidrs must be networks in CIDR notation, such as 203.0.113.7/32 or 2001:db8::/48."
  }

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : try(cidrsubnet(cidr, 0, 0), cidr) == cidr])
    error_message = "api_allowed_cidrs must name networks, not addresses within them, or Hetzner refuses the rule. Write: ${join(", ", [for cidr in var.api_allowed_cidrs : try(cidrsubnet(cidr, 0, 0), cidr)])}."
  }
}

variable "ca_files" {
  description = "The cluster's certificate authorities: file name under k3s' TLS directory to PEM text. k3s uses what it finds there, so whoever holds the keys can mint certificates before the first boot. Empty: k3s makes its own. Not needed once cluster_started is true."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = length(var.ca_files) == 0 || toset(keys(var.ca_files)) == toset(local.ca_file_names)
    error_message = "ca_files must be empty or exactly these, since k3s would make the missing ones itself and trust would be split: ${join(", ", local.ca_file_names)}."
  }

  validation {
    condition     = alltrue([for pem in values(var.ca_files) : can(regex("^-----BEGIN [A-Z ]+-----\\n", pem))])
    error_message = "ca_files must hold PEM text, beginning with a '-----BEGIN ...-----' line."
  }
}

locals {
  ca_file_names = [
    "client-ca.crt", "client-ca.key",
    "etcd/peer-ca.crt", "etcd/peer-ca.key",
    "etcd/server-ca.crt", "etcd/server-ca.key",
    "request-header-ca.crt", "request-header-ca.key",
    "server-ca.crt", "server-ca.key",
    "service.key",
  ]
}

variable "server_token" {
  description = "Secret by which further control planes join, as K10<sha256 of the server CA>::server:<password>, so that they verify whom they join. Empty for `tofu destroy`, and where no control plane is to be made (existing_control_planes)."
  type        = string
  default     = ""
  sensitive   = true

  validation {
    condition     = can(regex("^$|^(K10[0-9a-f]{64}::server:)?[A-Za-z0-9]{16,}$", var.server_token))
    error_message = "server_token must be K10<64 hexadecimal digits>::server:<password> or, when k3s makes the CAs itself, the password alone: 16 or more letters and digits."
  }

  validation {
    condition     = !strcontains(var.server_token, "::") || length(var.ca_files) > 0 || var.cluster_started
    error_message = "server_token names the hash of a CA, so ca_files must be given until the cluster has started: k3s' own CA would have another hash and nobody could join."
  }
}

variable "agent_token" {
  description = "Secret by which workers join, as K10<sha256 of the server CA>::node:<password>. It does not let anyone become a control plane. Empty only for `tofu destroy`."
  type        = string
  default     = ""
  sensitive   = true

  validation {
    condition     = can(regex("^$|^(K10[0-9a-f]{64}::node:)?[A-Za-z0-9]{16,}$", var.agent_token))
    error_message = "agent_token must be K10<64 hexadecimal digits>::node:<password> or, when k3s makes the CAs itself, the password alone: 16 or more letters and digits."
  }

  validation {
    condition     = !strcontains(var.agent_token, "::") || length(var.ca_files) > 0 || var.cluster_started
    error_message = "agent_token names the hash of a CA, so ca_files must be given until the cluster has started: k3s' own CA would have another hash and nobody could join."
  }

  validation {
    condition     = var.agent_token == "" || var.agent_token != var.server_token
    error_message = "agent_token must differ from server_token: whoever holds the latter can become a control plane."
  }
}

variable "release" {
  description = "What first boot downloads. Each has a version, a URL (the vendor's or a mirror) and either a sha256 or the URL of the vendor's checksum file (sha256sum lines, or the index.yaml of a Helm repository), which is fetched over TLS. Nothing is used unchecked."
  type = object({
    name = string
    downloads = map(object({
      version       = string
      url           = string
      sha256        = optional(string)
      checksums_url = optional(string)
    }))
  })

  validation {
    condition     = toset(keys(var.release.downloads)) == toset(["cilium", "flux", "gateway_api", "helm", "k3s"])
    error_message = "release.downloads must be exactly cilium, flux, gateway_api, helm and k3s."
  }

  validation {
    condition = alltrue([
      for download in var.release.downloads : can(regex("^https?://[A-Za-z0-9._:/%+@~=-]+$", download.url))
    ])
    error_message = "release.downloads: every url must be an http or https URL without spaces, quotes or a query, such as https://mirror.example.com/k3s."
  }

  validation {
    condition = alltrue([
      for download in var.release.downloads : download.sha256 == null || can(regex("^[0-9a-f]{64}$", download.sha256))
    ])
    error_message = "release.downloads: a sha256 must be 64 lower-case hexadecimal digits, or null."
  }

  validation {
    condition = alltrue([
      for download in var.release.downloads :
      download.sha256 != null || can(regex("^https://[A-Za-z0-9._:/%+@~=-]+$", download.checksums_url))
    ])
    error_message = "release.downloads: what has no sha256 needs a checksums_url with https, where the vendor publishes it. Without either it would be run unchecked."
  }

  validation {
    condition     = alltrue([for download in var.release.downloads : can(regex("^[A-Za-z0-9.+-]+$", download.version))])
    error_message = "release.downloads: every version must be made of letters, digits, '.', '+' and '-', such as v1.31.4+k3s1."
  }
}

variable "git" {
  description = "What Flux on the new cluster follows: repository, what of it (a branch, a tag or a commit), path of the bootstrap kit, the kit's optional components (paths relative to it) and, for a private repository, the name of a Secret in flux-system with its credentials; with verify, what has to be signed (mode, as Flux has it), and the Secret there with the public keys."
  type = object({
    url         = string
    ref         = object({ branch = optional(string), tag = optional(string), commit = optional(string) })
    path        = string
    components  = optional(list(string), [])
    secret_name = optional(string, "")
    verify      = optional(object({ mode = string, secret_name = string }))
  })

  validation {
    condition     = var.git.url == "" || can(regex("^(https?|ssh)://[^\\s]+$", var.git.url))
    error_message = "git.url must be an http, https or ssh URL, such as https://github.com/openova-io/openova. Flux does not take the git@host:path form."
  }

  validation {
    condition     = length([for value in values(var.git.ref) : value if value != null]) == 1
    error_message = "git.ref must have exactly one of branch, tag and commit."
  }

  validation {
    condition     = alltrue([for value in values(var.git.ref) : value == null || can(regex("^[^\\s~^:?*\\[\\\\]+$", value))])
    error_message = "git.ref must be the name of a branch or a tag, such as main or v1.0.0, or a commit."
  }

  validation {
    condition     = var.git.verify == null || contains(["HEAD", "Tag", "TagAndHEAD"], try(var.git.verify.mode, ""))
    error_message = "git.verify.mode must be HEAD, Tag or TagAndHEAD."
  }

  validation {
    condition     = can(regex("^(\\./)?[^/\\s][^\\s]*$", var.git.path)) && !contains(split("/", var.git.path), "..")
    error_message = "git.path must be a path within the repository, such as ./clusters/_template/bootstrap-kit."
  }
}

variable "kit_values" {
  description = "Values that Flux substitutes in the bootstrap kit (postBuild.substitute)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.kit_values) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "kit_values: names must be letters, digits and '_', not beginning with a digit: Flux substitutes them like shell variables."
  }
}

variable "boot_manifests" {
  description = "Kubernetes manifests (YAML) that the first control plane creates as soon as its API server answers, in the order of their names: RBAC, and the Secrets that the kit expects to exist. Namespace flux-system is there before them. What exists already is left as it is."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.boot_manifests) : can(regex("^[a-z0-9][a-z0-9-]*\\.yaml$", name))])
    error_message = "boot_manifests: names must be file names of lower-case letters, digits and '-' that end in .yaml, such as 10-observer.yaml."
  }
}

variable "registries_yaml" {
  description = "k3s' registries.yaml, which sends image pulls to mirrors; for an air gap. Empty: images come from where their names say."
  type        = string
  default     = ""
  sensitive   = true

  validation {
    condition     = var.registries_yaml == "" || can(keys(yamldecode(var.registries_yaml)))
    error_message = "registries_yaml must be YAML with the keys mirrors and configs, as https://docs.k3s.io/installation/private-registry describes."
  }
}

variable "trusted_authorities" {
  description = "Certificates of authorities, PEM, one each, that servers trust besides those of their image: of mirrors and proxies inside a company. Public: they are not secret."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for pem in var.trusted_authorities :
      can(regex("^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n$", pem))
    ])
    error_message = "trusted_authorities: each must be one certificate in PEM, from BEGIN CERTIFICATE to END CERTIFICATE and a line break."
  }
}

variable "proxy" {
  description = "How servers reach what is outside: url of an HTTP proxy without a password, which user_data could not keep, and exceptions (hosts, domains that begin with a dot, networks) besides the cluster's own. null: directly."
  type        = object({ url = string, exceptions = optional(list(string), []) })
  default     = null

  validation {
    condition     = var.proxy == null || can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]+)?/?$", try(var.proxy.url, "")))
    error_message = "proxy.url must be the URL of a proxy without user name, such as http://proxy.example.com:3128."
  }

  validation {
    condition     = alltrue([for item in try(var.proxy.exceptions, []) : can(regex("^[A-Za-z0-9.:/*_-]+$", item))])
    error_message = "proxy.exceptions must be hosts, domains such as .example.com or networks such as 192.0.2.0/24."
  }
}
