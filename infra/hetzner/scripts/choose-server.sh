#!/bin/bash
# Before each start of k3s on a node that joins: writes down which control plane it joins through. Any that lives will
# do, so that nobody depends on one of them.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh
# shellcheck source=/dev/null
source /etc/catalyst/node.env

# Its disk holds a member of etcd, so it has joined. Of control planes that all start at once none answers before others
# are up: it must not wait for one.
if [[ -d /var/lib/rancher/k3s/server/db/etcd/member/wal ]]; then exit 0; fi

read -ra addresses <<<"$JOIN_ADDRESSES"
choose_server /etc/rancher/k3s/config.yaml.d/10-server.yaml "${addresses[@]}"
