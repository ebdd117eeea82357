#!/bin/bash
# Hetzner attaches the private network after the server has started, so at boot its interface may not be there yet. Then
# Hetzner's helper (hc-utils) runs dhclient for it once: if nobody answered in time, nobody asks again. So it is started
# again while the address is missing.
# Usage: await-private-address.sh [SECONDS]; without a limit it waits as long as it takes.
set -euo pipefail

# shellcheck source=/dev/null
source /etc/catalyst/node.env

PATIENCE=${PATIENCE:-60}

deadline=$((SECONDS + ${1:-0}))
patience_ends=$((SECONDS + PATIENCE))
until [[ -n $(ip -4 -oneline address show to "$NODE_IP/32") ]]; do
  if (($# > 0 && SECONDS >= deadline)); then
    echo "private address $NODE_IP not there after $1 s: is the server attached to the network?" >&2
    ip -oneline address show >&2
    exit 1
  fi
  if ((SECONDS >= patience_ends)); then
    echo "private address $NODE_IP not there yet: DHCP is tried again" >&2
    # Those that are known, whatever the interface is called; none where the image has no such helper.
    systemctl restart --no-block 'hc-net-ifup@*' || true
    patience_ends=$((SECONDS + PATIENCE))
  fi
  sleep 1
done
