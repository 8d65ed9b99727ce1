// SPDX-License-Identifier: Apache-2.0
// A service: instances of one application behind one name or a list of addresses.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "net/dns.h"
#include "window/scalar_admin/instance.h"

namespace stillpoint::window {

struct Service {
  std::string srv = {};  // the name of SRV records; or:
  std::vector<net::HostPort> addresses = {};
  Tls tls = {};
  net::DnsOptions dns = {};
};
std::string to_text(const Service& service);

// Every instance there is now, in order and once each; never none. A host with several IPv4
// addresses (or, having none, IPv6 addresses) is as many instances.
Result<std::vector<Endpoint>> find_endpoints(const Service& service, const base::Deadline& deadline,
                                             std::stop_token stop);

}  // namespace stillpoint::window
