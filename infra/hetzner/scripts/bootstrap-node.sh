#!/bin/bash
# First boot of every node: wait for the private network, close the metadata service, install and start k3s.
# Runs again after a failure or a reboot in the middle; every step may be repeated.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh
# shellcheck source=/dev/null
source /etc/catalyst/node.env

private_network() {
  /usr/local/lib/catalyst/await-private-address.sh 600
}

# cloud-init has read user_data by now; no Pod runs yet.
close_metadata_service() {
  systemctl enable --now catalyst-metadata-blackhole.service
}

kernel_settings() {
  sysctl --load /etc/sysctl.d/90-catalyst.conf
}

protect_ca_files() {
  local directory
  for directory in /var/lib/rancher/k3s/server /var/lib/rancher/k3s/server/tls /var/lib/rancher/k3s/server/tls/etcd; do
    if [[ -d $directory ]]; then chmod 0700 "$directory"; fi
  done
}

install_k3s() {
  wait "$K3S_FETCH"
  # Not over a running binary: install unlinks the old one first.
  install -m 0755 "$CACHE_DIR/k3s" /usr/local/bin/k3s
  ln -sf k3s /usr/local/bin/kubectl
  ln -sf k3s /usr/local/bin/crictl
}

start_k3s() {
  # The rest that the first control plane needs comes meanwhile.
  if [[ -e /etc/systemd/system/catalyst-downloads.service ]]; then
    systemctl start --no-block catalyst-downloads.service
  fi
  systemctl enable "$K3S_SERVICE"
  # A worker or a joining control plane blocks until the first one answers, which the wait bounds.
  systemctl start --no-block "$K3S_SERVICE"
  wait_for 1800 "kubelet of $NODE_NAME healthy" curl --fail --silent --max-time 5 http://127.0.0.1:10248/healthz
}

# The largest download comes while the private network is waited for; its step waits for the rest of it.
fetch K3S "$CACHE_DIR/k3s" &
K3S_FETCH=$!

trap report_exit EXIT
step private-network private_network
step metadata-service close_metadata_service
step kernel-settings kernel_settings
step ca-files protect_ca_files
step k3s-binary install_k3s
step k3s-start start_k3s
