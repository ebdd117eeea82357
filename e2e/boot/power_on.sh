#!/bin/sh
# Starts a server in the network namespace that `ip netns exec` has entered, with mounts of its own: they are gone when
# it ends, however that is.
# Usage: power_on.sh ROOT DISK CGROUP NAME NSPAWN...
set -eu
root=$1 disk=$2 cgroup=$3 name=$4
shift 4

# The new /sys is this namespace's. Nothing of the machine's cgroups but those of version 2 is seen in it, for which
# this systemd asks.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo $$ >"/sys/fs/cgroup/$cgroup/cgroup.procs"
mkdir -p "$disk/changes" "$disk/work" "$disk/merged"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$disk/changes,workdir=$disk/work" "$disk/merged"
exec "$@" --quiet --boot --directory="$disk/merged" --machine="$name" --register=no --keep-unit \
  --capability=CAP_NET_ADMIN,CAP_NET_RAW --console=read-only --kill-signal=SIGRTMIN+3
