// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <charconv>

#include <arpa/inet.h>

#include "base/text.h"

namespace stillpoint::net {
namespace {

// RFC 1035: a name has at most 255 bytes.
constexpr std::size_t host_bytes_max = 255;

tl::unexpected<Error> wrong(std::string_view text, std::string_view why) {
  return fail(Error{Errc::invalid,
                    fmt::format("address '{}': {}", base::printable(text.substr(0, 300)), why),
                    "write HOST:PORT, and an IPv6 address in brackets: [::1]:60053"});
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong(text, "it has no port");
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
    return wrong(text, "its port is no number from 1 to 65535");
  }
  std::string host(text.substr(0, colon));
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > host_bytes_max) return wrong(text, "it has no host");
  if (brackets != (host.find(':') != std::string::npos)) {
    return wrong(text, "brackets belong around an IPv6 address, and around nothing else");
  }
  if (brackets && !is_ipv6(host)) return wrong(text, "this is no IPv6 address");
  for (const char c : host) {
    if (!brackets && !is_host_character(c)) return wrong(text, "this is no name of a host");
  }
  return HostPort{host, port};
}

std::string to_text(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", address.host, address.port)
                  : fmt::format("{}:{}", address.host, address.port);
}

bool is_ipv4(const std::string& host) {
  in_addr address = {};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_ipv6(const std::string& host) {
  in6_addr address = {};
  const std::size_t zone = host.find('%');
  if (zone != std::string::npos) {
    for (const char c : host.substr(zone + 1)) {
      if (!is_host_character(c)) return false;
    }
  }
  return ::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &address) == 1;
}

}  // namespace stillpoint::net
