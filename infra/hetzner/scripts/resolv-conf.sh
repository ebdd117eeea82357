#!/bin/bash
# Before each start of k3s: the name servers for Pods. A resolver asks three at most, Hetzner's DHCP gives four, and the
# kubelet warns of it at each Pod. Those of IPv4 come first: Pods have no other network.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh

# What systemd-resolved was given; /etc/resolv.conf names itself, at an address that leads nowhere in a Pod.
for given in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
  if [[ -e $given ]]; then break; fi
done

servers=$(awk '
  $1 == "nameserver" && $2 !~ /^(127\.|::1$|fe80:)/ { if ($2 ~ /:/) six = six $0 "\n"; else four = four $0 "\n" }
  END { printf "%s%s", four, six }
' "$given" | head -n 3)
if [[ -z $servers ]]; then
  log "no name server for Pods in $given: k3s takes its own"
  exit 0
fi
mkdir -p /etc/rancher/k3s/config.yaml.d
replace /etc/rancher/k3s/resolv.conf "$servers"$'\n'"$(grep '^search' "$given" || true)"
replace /etc/rancher/k3s/config.yaml.d/20-resolv-conf.yaml "resolv-conf: /etc/rancher/k3s/resolv.conf"
