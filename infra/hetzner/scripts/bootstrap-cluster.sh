#!/bin/bash
# First boot of the first control plane, after bootstrap-node.sh: what must be there before Flux can take over.
# Without a network no Pod starts, and without a StorageClass no volume binds, so neither can be left to the kit.
# Runs again after a failure or a reboot in the middle; every step may be repeated.
set -euo pipefail

# shellcheck source=infra/hetzner/scripts/lib.sh
source /usr/local/lib/catalyst/lib.sh
# shellcheck source=/dev/null
source /etc/catalyst/node.env

export KUBECONFIG=/etc/rancher/k3s/k3s.yaml
export HELM_CACHE_HOME=$CACHE_DIR/helm
KUSTOMIZATIONS=/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations

# Every talk with the API server has a limit: neither program has one of its own for a server that stays silent.
kubectl() {
  bounded 120 kubectl "$@"
}

helm() {
  bounded 900 helm "$@"
}

# await_condition SECONDS ARGUMENTS...: kubectl keeps to its own time-out only while it is answered.
await_condition() {
  bounded $(($1 + 30)) kubectl wait --timeout="$1s" "${@:2}"
}

apply() {
  retry 5 kubectl apply --server-side --force-conflicts --field-manager=catalyst-bootstrap -f "$1"
}

# create_missing FILE: makes what is not there, and leaves alone what is.
create_missing() {
  local said
  if said=$(kubectl create --field-manager=catalyst-bootstrap -f "$1" 2>&1 >/dev/null); then return 0; fi
  # One line for each object; whatever is said besides is an error.
  ! grep --invert-match '^Error from server (AlreadyExists)' <<<"$said" >&2
}

await_api() {
  wait_for 600 "API server ready" kubectl get --raw /readyz
  wait_for 300 "node $NODE_NAME registered" kubectl get node "$NODE_NAME"
}

# Before anything that can fail for long: whoever may look at this cluster sees from now on why it does not get on. What
# was made at an earlier attempt may have been filled in since: the operator delivers Secrets as soon as it can.
boot_manifests() {
  local manifest
  for manifest in /etc/catalyst/manifests/*.yaml; do
    if [[ -e $manifest ]]; then retry 5 create_missing "$manifest"; fi
  done
}

# k3s' own provisioner; a kit of charts that do not name a class waits for a default one for ever.
default_storage_class() {
  wait_for 300 "StorageClass local-path" kubectl get storageclass local-path
  kubectl annotate --overwrite storageclass local-path storageclass.kubernetes.io/is-default-class=true
}

# Before Cilium: its operator looks for them once, when it starts.
gateway_api() {
  fetch GATEWAY_API "$CACHE_DIR/gateway-api.yaml"
  apply "$CACHE_DIR/gateway-api.yaml"
  await_condition 120 --for=condition=Established crd --all
}

install_helm() {
  fetch HELM "$CACHE_DIR/helm.tar.gz"
  # Root would give the program to whoever has the number that its packer had.
  tar --extract --gzip --no-same-owner --file "$CACHE_DIR/helm.tar.gz" --directory /usr/local/bin --strip-components=1 \
    linux-amd64/helm
}

# Release name and namespace are those of bp-cilium's HelmRelease, which upgrades the release it finds.
install_cilium() {
  local status
  status=$(helm status cilium --namespace kube-system 2>/dev/null || true)
  if [[ $status == *"STATUS: deployed"* ]]; then
    log "cilium: deployed before, left as it is"
    return 0
  fi
  # A boot that was cut short leaves a release that Helm neither finishes nor replaces.
  if [[ -n $status ]]; then helm uninstall cilium --namespace kube-system --wait --timeout 5m; fi
  fetch CILIUM "$CACHE_DIR/cilium.tgz"
  helm install cilium "$CACHE_DIR/cilium.tgz" --namespace kube-system --values /etc/catalyst/cilium-values.yaml
  await_condition 900 --for=condition=Ready "node/$NODE_NAME"
}

install_flux() {
  fetch FLUX "$CACHE_DIR/flux-install.yaml"
  # Release name and namespace are those of bp-flux's HelmRelease.
  as_helm_release flux flux-system "$CACHE_DIR/flux-install.yaml" >"$CACHE_DIR/flux.json"
  apply "$CACHE_DIR/flux.json"
  await_condition 900 --namespace flux-system --for=condition=Available deployment --all
}

start_kit() {
  apply /etc/catalyst/kit.json
}

# No answer is not a no: going back over what Flux owns would fight it.
kit_is_there() {
  local said
  if said=$(kubectl get --raw "$KUSTOMIZATIONS/$KIT_NAME" 2>&1 >/dev/null); then return 0; fi
  if [[ $said == *"(NotFound)"* ]]; then return 1; fi
  log "whether Kustomization $KIT_NAME is there could not be seen: $said"
  exit 1
}

trap report_exit EXIT
step api await_api
# From the moment the kit is there Flux owns Cilium and itself.
if kit_is_there; then
  log "Kustomization $KIT_NAME is there: nothing left to do"
  exit 0
fi
step boot-manifests boot_manifests
step storage-class default_storage_class
step gateway-api gateway_api
step helm install_helm
step cilium install_cilium
step flux install_flux
step kit start_kit
