# shellcheck shell=bash
# What the scripts of a node share: a log with times, waits and retries with limits, and downloads that are never used
# unchecked. Messages go to stderr, so that a function's stdout is its result.

CACHE_DIR=${CACHE_DIR:-/var/cache/catalyst}
RETRY_PAUSE=${RETRY_PAUSE:-10}
TRY_SECONDS=${TRY_SECONDS:-20}
STALL_SECONDS=${STALL_SECONDS:-60}
API_PORT=${API_PORT:-6443}
STEP=start

log() {
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2
}

# On exit, a failure is named after the step it happened in.
report_exit() {
  local status=$?
  ((status == 0)) || log "step $STEP: FAILED (exit status $status); systemd starts the bootstrap again"
}

# step NAME COMMAND...
step() {
  local began=$SECONDS
  STEP=$1
  shift
  log "step $STEP: begins"
  "$@"
  log "step $STEP: done in $((SECONDS - began)) s"
}

# bounded SECONDS COMMAND...: ends a program that takes longer. A server may accept and never answer, and few programs
# give up by themselves.
bounded() {
  local limit=$1 status=0
  shift
  timeout --kill-after=5 "$limit" "$@" || status=$?
  if ((status == 124 || status == 137)); then log "no answer within $limit s: $*"; fi
  return "$status"
}

# wait_for SECONDS WHAT COMMAND...: tries COMMAND, a program, until it succeeds. Each try has a limit too. When time is up,
# its own error is in the log.
wait_for() {
  local limit=$1 what=$2
  local deadline=$((SECONDS + limit))
  shift 2
  until bounded "$TRY_SECONDS" "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      log "waited $limit s in vain for: $what"
      bounded "$TRY_SECONDS" "$@" >&2 || return 1
    fi
    sleep 1
  done
  log "seen: $what"
}

# retry ATTEMPTS COMMAND...
retry() {
  local attempts=$1 attempt
  shift
  for ((attempt = 1; attempt <= attempts; attempt++)); do
    if "$@"; then return 0; fi
    log "attempt $attempt of $attempts failed: $*"
    if ((attempt < attempts)); then sleep "$RETRY_PAUSE"; fi
  done
  return 1
}

# get URL FILE PROTOCOLS: downloads, following redirects within PROTOCOLS only. A transfer that stands still is given up.
get() {
  retry 5 curl --fail --silent --show-error --location --proto "=$3" --proto-redir "=$3" \
    --connect-timeout 15 --max-time 900 --speed-limit 1 --speed-time "$STALL_SECONDS" --output "$2" --url "$1"
}

sha256_of() {
  sha256sum -- "$1" | cut -d ' ' -f 1
}

# digest_in FILE NAME: the sha256 that a vendor's checksum file gives for NAME. FILE has sha256sum lines, or is the
# index of a Helm repository, where a chart's digest stands before its urls.
digest_in() {
  awk -v name="$2" '
    /^  - / { digest = "" }
    $1 == "digest:" { digest = $2 }
    $1 == "-" && $2 == "digest:" { digest = $3 }
    $1 == "-" && $2 != "" { count = split($2, path, "/"); if (path[count] == name) { print digest; exit } }
    $1 ~ /^[0-9a-f]+$/ && length($1) == 64 && ($2 == name || $2 == "*" name) { print $1; exit }
  ' "$1"
}

# vendors_digest NAME URL: the sha256 that the vendor publishes for download NAME.
vendors_digest() {
  local checksums_url="${1}_CHECKSUMS_URL" checksums="$CACHE_DIR/$1.checksums" digest
  get "${!checksums_url}" "$checksums" https || return 1
  digest=$(digest_in "$checksums" "$(file_name "$2")")
  if [[ ! $digest =~ ^[0-9a-f]{64}$ ]]; then
    log "$1: no sha256 for $(file_name "$2") in ${!checksums_url}; not used"
    return 1
  fi
  printf '%s' "$digest"
}

# expected_digest NAME URL: the sha256 that download NAME must have: the release's own, else the vendor's. That one is asked
# for once and kept, so that an attempt after a reboot needs no vendor for what is there already.
expected_digest() {
  local pinned="${1}_SHA256" kept="$CACHE_DIR/$1.sha256" digest='' url=''
  if [[ -n ${!pinned} ]]; then
    printf '%s' "${!pinned}"
    return 0
  fi
  if [[ -f $kept ]]; then read -r digest url <"$kept" || true; fi
  if [[ $digest =~ ^[0-9a-f]{64}$ && $url == "$2" ]]; then
    printf '%s' "$digest"
    return 0
  fi
  digest=$(vendors_digest "$1" "$2") || return 1
  replace "$kept" "$digest $2"
  printf '%s' "$digest"
}

# replace FILE TEXT: FILE holds either what it held or TEXT, also when the power goes.
replace() {
  printf '%s\n' "$2" >"$1.part"
  sync "$1.part"
  mv "$1.part" "$1"
}

file_name() {
  local name=${1##*/}
  printf '%s' "${name//%2B/+}"
}

# fetch NAME FILE: download NAME of the release, checked, at FILE. A file that is already right stays. Whoever fetches the
# same meanwhile is waited for.
fetch() {
  mkdir -p "$CACHE_DIR"
  (
    flock 9
    fetch_alone "$1" "$2"
  ) 9>"$CACHE_DIR/$1.lock"
}

fetch_alone() {
  local url_name="${1}_URL" url expected actual
  url=${!url_name}
  expected=$(expected_digest "$1" "$url") || return 1
  if [[ -f $2 && $(sha256_of "$2") == "$expected" ]]; then return 0; fi
  get "$url" "$2.part" http,https || return 1
  actual=$(sha256_of "$2.part")
  if [[ $actual != "$expected" ]]; then
    # The vendor is asked again: what it published then may have been wrong.
    rm -f "$2.part" "$CACHE_DIR/$1.sha256"
    log "$1: $url has sha256 $actual, expected $expected; not used"
    return 1
  fi
  sync "$2.part"
  mv "$2.part" "$2"
  log "$1: $url has the expected sha256 $expected"
}

# as_helm_release NAME NAMESPACE FILE: the manifests of FILE, marked as parts of a Helm release. Helm adopts objects that
# say they belong to the release it installs; those that do not it refuses, and its rollback deletes them. In JSON,
# because `kubectl label -o yaml` leaves out what separates documents.
as_helm_release() {
  kubectl annotate --local --overwrite -f "$3" -o json "meta.helm.sh/release-name=$1" "meta.helm.sh/release-namespace=$2" |
    kubectl label --local --overwrite -f - -o json app.kubernetes.io/managed-by=Helm
}

# api_answers ADDRESS: whether the Kubernetes API answers there. k3s listens before its API server is up, and says 503
# until it has joined; "who are you?" is the API server's own answer. That it is the right cluster is not looked at
# here: k3s compares the hash in its token before it joins.
api_answers() {
  local code
  code=$(curl --silent --insecure --connect-timeout 5 --max-time 10 --output /dev/null --write-out '%{http_code}' \
    --url "https://$1:$API_PORT/readyz") || return 1
  [[ $code =~ ^(200|401|403)$ ]]
}

# choose_server FILE ADDRESS...: k3s' configuration FILE names the first control plane that answers. While none does, an
# earlier choice stays: a node that joined once knows the others by itself.
choose_server() {
  local file=$1 address
  shift
  for address in "$@"; do
    if api_answers "$address"; then
      mkdir -p "${file%/*}"
      replace "$file" "server: https://$address:$API_PORT"
      log "joins through $address"
      return 0
    fi
  done
  if [[ -e $file ]]; then return 0; fi
  log "no control plane answers yet at ${*:-any address}; tried again"
  return 1
}
