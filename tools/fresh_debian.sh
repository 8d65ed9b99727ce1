#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows that a fresh Debian 12 needs nothing but git: makes a minimal one, clones this repository
# into it, runs ./dev demo there, and tells how long that took. Removes it afterwards. Needs root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/debian_mirror.sh"
fresh=""

make_debian() {
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$fresh" "$(debian_mirror)" \
    >"$fresh.log" 2>&1 || { tail -n 30 "$fresh.log" >&2; return 1; }
  cp /etc/resolv.conf "$fresh/etc/resolv.conf"
  mount -t proc proc "$fresh/proc"
}

clean_up() {
  if mountpoint -q "$fresh/proc"; then
    umount "$fresh/proc"
  fi
  # never across a mount that is still there
  rm -rf --one-file-system "$fresh" "$fresh.log"
}

main() {
  [[ $(id -u) -eq 0 ]] || { echo "SKIPPED: root: only root can make a Debian"; return 77; }
  command -v debootstrap >/dev/null || { echo "SKIPPED: debootstrap: not installed"; return 77; }
  fresh=$(mktemp -d "${TMPDIR:-/tmp}/stillpoint-fresh-XXXXXX")
  chmod 755 "$fresh"
  trap clean_up EXIT
  local start=$SECONDS
  make_debian
  echo "measured: a minimal Debian 12 with git made in $((SECONDS - start)) s"
  git clone -q --no-hardlinks "$here/.." "$fresh/root/stillpoint"
  start=$SECONDS
  chroot "$fresh" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c 'cd /root/stillpoint && ./dev demo' </dev/null
  echo "measured: ./dev demo in it, packages and build included: $((SECONDS - start)) s"
}

main "$@"
