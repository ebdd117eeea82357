# The provider needs no block: token and endpoint come from HCLOUD_TOKEN and HCLOUD_ENDPOINT, so that they are in no file,
# plan or state.
terraform {
  # The oldest that runs it: what Crossplane's provider-opentofu brings. The operator's own runs need 1.12, for
  # `tofu output -json-into`; their image sees to that.
  required_version = ">= 1.10.0"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.68"
    }
  }
}
