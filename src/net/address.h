// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::net {

// A host, by name or IP address, and a port.
struct HostPort {
  std::string host = {};  // an IPv6 address stands here without brackets
  std::uint16_t port = 0;
  auto operator<=>(const HostPort&) const = default;
};

// "db1:60051", "10.0.0.7:60051", "[fe80::1]:60051".
Result<HostPort> parse_host_port(std::string_view text);
std::string to_text(const HostPort& address);

bool is_ipv4(const std::string& host);
bool is_ipv6(const std::string& host);  // also with a zone: fe80::1%eth0

}  // namespace stillpoint::net
