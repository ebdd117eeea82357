#!/bin/bash
# Once a day, at a time that is this node's alone: starts k3s again if a certificate of its own ends soon. k3s makes new
# ones for a year, at a start within the last 90 days of the old ones and at no other time: a node that nobody restarts
# would stop after a year. Pods go on meanwhile.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh
# shellcheck source=/dev/null
source /etc/catalyst/node.env

DAY=$((24 * 3600))
RESTARTED=/var/lib/catalyst/certificates-renewed
K3S=/var/lib/rancher/k3s

# ending_within DAYS: the certificates that end by then, a line each. Authorities outlive servers and are not renewed.
ending_within() {
  local certificate
  for certificate in "$K3S"/agent/*.crt "$K3S"/server/tls/*.crt "$K3S"/server/tls/etcd/*.crt; do
    if [[ ! -e $certificate || $certificate == *-ca.crt || $certificate == *-ca.nochain.crt ]]; then continue; fi
    openssl x509 -checkend $(($1 * DAY)) -noout -in "$certificate" >/dev/null || printf '%s\n' "$certificate"
  done
}

# Whether the cluster can do without this node for a minute: a control plane looks at the others, a worker at the API.
others_are_well() {
  if [[ $K3S_SERVICE == k3s-agent.service ]]; then
    API_PORT=6444 api_answers 127.0.0.1
  else
    bounded 60 kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml wait --for=condition=Ready --timeout=30s \
      node --selector node-role.kubernetes.io/control-plane >/dev/null
  fi
}

ending=$(ending_within 60)
if [[ -z $ending ]]; then exit 0; fi
log "ending within 60 days: ${ending//$'\n'/, }"
if [[ -n $(find "$RESTARTED" -mtime -7 2>/dev/null) ]]; then
  log "k3s was started again less than a week ago and made no new ones: its log says why"
  exit 1
fi
# In the last week nobody is waited for: what ends is lasting, and without an API for a minute one can live.
if [[ -z $(ending_within 7) ]] && ! others_are_well; then
  log "a control plane is not well, and this node would be missed: tried again tomorrow"
  exit 1
fi
mkdir -p "${RESTARTED%/*}"
touch "$RESTARTED"
bounded 900 systemctl restart "$K3S_SERVICE"
wait_for 900 "kubelet of $NODE_NAME healthy" curl --fail --silent --max-time 5 http://127.0.0.1:10248/healthz
