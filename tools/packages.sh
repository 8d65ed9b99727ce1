# SPDX-License-Identifier: Apache-2.0
# To be sourced: Debian 12's packages that each command of ./dev needs, and how they get installed.

packages_build=(
  g++ cmake ninja-build pkg-config libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libyaml-cpp-dev libexpected-dev libzstd-dev libssl-dev libsqlite3-dev libpq-dev libmariadb-dev
  libxxhash-dev libc-ares-dev libcurl4-openssl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler
  protobuf-compiler-grpc
)
packages_demo=(sqlite3)
packages_test_build=(libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev ccache mold)
packages_test=(
  python3 procps sqlite3 restic fuse3 zstd git postgresql-15 postgresql-client-15 util-linux openssl
  mariadb-server mariadb-client openjdk-17-jdk-headless maven iproute2 faketime strace pgbouncer
)
packages_bench=(
  python3 sqlite3 restic zstd postgresql-15 pgbackrest util-linux mariadb-server mariadb-client
  mariadb-backup mydumper openjdk-17-jdk-headless maven
)
packages_fresh=(debootstrap git)
packages_fuzz=(clang-19 libclang-rt-19-dev llvm-19 python3)
packages_lint=(clang-format-19 clang-tidy-19 python3 git)

# install_packages NAME...: those that are not there yet.
install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "this is no Debian: make sure that you have the like of: $*" >&2
    return 0
  fi
  local missing
  missing=$(packages_missing "$@")
  [[ -n $missing ]] || return 0
  echo "installing:" $missing >&2
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null
  # one word a package; what dpkg prints on the way is of interest only when it fails
  local log
  log=$(mktemp)
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install \
    --no-install-recommends $missing </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

packages_missing() {
  local installed name
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for name in "$@"; do
    grep -qxF "$name installed" <<<"$installed" || echo "$name"
  done
}

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "only root can install packages, and there is no sudo: run as root: $*" >&2
    return 1
  fi
}
