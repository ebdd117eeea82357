# The provider needs no block: token and endpoint come from HCLOUD_TOKEN and HCLOUD_ENDPOINT, so that they are in no file,
# plan or state.
terraform {
  # OpenTofu 1.12 or newer: `tofu output -json-into`, which a run's last container uses, came with it.
  required_version = ">= 1.12.0"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.68"
    }
  }
}
