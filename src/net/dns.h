// SPDX-License-Identifier: Apache-2.0
// Names asked of the DNS, always anew: nothing is cached here, since who asks wants to see changes.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/address.h"

namespace stillpoint::net {

// Whom to ask. Without a server: those of the system (resolv.conf, the hosts file).
struct DnsOptions {
  std::optional<HostPort> server = {};  // an IP address
};

// Every SRV record of the name, once each, in order; whatever their priority and weight. A name
// without a final dot is also looked for in the search domains. `not_found` where there are none,
// `unavailable` where nobody answers.
Result<std::vector<HostPort>> resolve_srv(const std::string& name, const DnsOptions& options,
                                          const base::Deadline& deadline, std::stop_token stop);

// Every IP address of the host, IPv4 first, in order. An IP address stands for itself.
struct HostAddresses {
  std::vector<std::string> ipv4 = {};
  std::vector<std::string> ipv6 = {};
};
Result<HostAddresses> resolve_host(const std::string& host, const DnsOptions& options,
                                   const base::Deadline& deadline, std::stop_token stop);

}  // namespace stillpoint::net
