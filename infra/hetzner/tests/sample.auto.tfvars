# A small Sovereign that every run in this folder starts from.

cluster_name        = "acme-1a2b3"
fqdn                = "acme.omani.works"
location            = "fsn1"
control_plane_sizes = ["cx33"]
worker_sizes        = ["cx43"]
labels              = { "catalyst.openova.io/sovereign" = "acme" }

ssh_public_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz admin@acme.example"]

server_token = "0123456789abcdef0123456789abcdef"
agent_token  = "fedcba9876543210fedcba9876543210"

git = {
  url  = "https://git.example.com/openova"
  ref  = { branch = "main" }
  path = "./clusters/_template/bootstrap-kit"
}

release = {
  name = "sample"
  downloads = {
    k3s         = { version = "v1.31.4+k3s1", url = "https://mirror.example.com/k3s", sha256 = "1111111111111111111111111111111111111111111111111111111111111111" }
    gateway_api = { version = "v1.1.0", url = "https://mirror.example.com/gateway-api.yaml", sha256 = "2222222222222222222222222222222222222222222222222222222222222222" }
    helm        = { version = "v3.16.4", url = "https://mirror.example.com/helm.tar.gz", checksums_url = "https://mirror.example.com/helm.tar.gz.sha256sum" }
    cilium      = { version = "1.16.5", url = "https://mirror.example.com/cilium-1.16.5.tgz", checksums_url = "https://mirror.example.com/index.yaml" }
    flux        = { version = "v2.4.0", url = "https://mirror.example.com/install.yaml", checksums_url = "https://mirror.example.com/checksums.txt" }
  }
}
