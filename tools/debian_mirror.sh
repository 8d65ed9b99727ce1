# SPDX-License-Identifier: Apache-2.0
# To be sourced: where this machine's apt gets Debian from.

# Every address that the apt configuration names, in both of its styles (.list and .sources).
apt_addresses() {
  find /etc/apt/sources.list /etc/apt/sources.list.d -type f -name '*.list' -exec \
    sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' {} + 2>/dev/null || true
  find /etc/apt/sources.list.d -type f -name '*.sources' -exec \
    sed -nE 's/^URIs: *//p' {} + 2>/dev/null | tr ' ' '\n' || true
}

# The first that ends in /debian: not the security archive, nor somebody else's packages.
debian_mirror() {
  local address
  address=$(apt_addresses | grep -E '/debian/?$' | head -n 1) || true
  if [[ -z $address ]]; then
    echo "apt's configuration in /etc/apt names no Debian mirror" >&2
    return 1
  fi
  echo "${address%/}"
}
