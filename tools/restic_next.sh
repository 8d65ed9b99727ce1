#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches restic as Debian 13 packages it (0.18) into a folder, beside the system's own restic, and
# prints the path of the program. Nothing is installed. A second call finds it there.
# usage: tools/restic_next.sh DIR
set -euo pipefail

readonly suite=trixie

# The mirror is the one that this machine's apt uses for Debian.
# (tools/fresh_debian.sh asks the same.)
source "$(dirname "${BASH_SOURCE[0]}")/debian_mirror.sh"

# apt with folders of its own, so that neither the system's lists nor its packages are touched.
apt_private() {
  local root=$1
  shift
  apt-get -qq \
    -o Dir::State="$root/state" -o Dir::State::status="$root/state/status" \
    -o Dir::Cache="$root/cache" -o Dir::Etc::sourcelist="$root/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o APT::Sandbox::User=root \
    -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= "$@"
}

fetch() {
  local dir=$1 root=$1/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -rf "$root"
  mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$root/deb"
  : >"$root/state/status"
  echo "deb [signed-by=$keyring] $(debian_mirror) $suite main" >"$root/sources.list"
  apt_private "$root" update
  (cd "$root/deb" && apt_private "$root" download restic)
  rm -rf "$dir/restic"
  dpkg-deb -x "$root"/deb/restic_*.deb "$dir/restic"
  rm -rf "$root"
}

main() {
  [[ $# -eq 1 ]] || { echo "usage: $0 DIR" >&2; return 2; }
  mkdir -p "$1"
  local dir
  dir=$(cd "$1" && pwd)
  [[ -x $dir/restic/usr/bin/restic ]] || fetch "$dir" >&2
  "$dir/restic/usr/bin/restic" version >&2
  echo "$dir/restic/usr/bin/restic"
}

main "$@"
