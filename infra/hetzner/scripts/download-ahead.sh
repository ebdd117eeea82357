#!/bin/bash
# What the first control plane needs after k3s, fetched while k3s starts. bootstrap-cluster.sh fetches the same: it finds
# what is there by then, waits for what is under way, and tries anew what failed here.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh
# shellcheck source=/dev/null
source /etc/catalyst/node.env

fetch GATEWAY_API "$CACHE_DIR/gateway-api.yaml" &
fetch HELM "$CACHE_DIR/helm.tar.gz" &
fetch CILIUM "$CACHE_DIR/cilium.tgz" &
fetch FLUX "$CACHE_DIR/flux-install.yaml" &
wait
