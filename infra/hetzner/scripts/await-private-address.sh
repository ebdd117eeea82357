#!/bin/bash
# Hetzner attaches the private network after the server has started, so at boot its interface may not be there yet.
# Usage: await-private-address.sh [SECONDS]; without a limit it waits as long as it takes.
set -euo pipefail

# shellcheck source=/dev/null
source /etc/catalyst/node.env

deadline=$((SECONDS + ${1:-0}))
until [[ -n $(ip -4 -oneline address show to "$NODE_IP/32") ]]; do
  if (($# > 0 && SECONDS >= deadline)); then
    echo "private address $NODE_IP not there after $1 s: is the server attached to the network?" >&2
    ip -oneline address show >&2
    exit 1
  fi
  sleep 1
done
