// SPDX-License-Identifier: Apache-2.0
#include "window/service.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "window/parallel.h"

namespace stillpoint::window {

std::string to_text(const Service& service) {
  if (!service.srv.empty()) return service.srv;
  std::vector<std::string> texts;
  for (const net::HostPort& address : service.addresses) texts.push_back(net::to_text(address));
  return base::join(texts, ",");
}

Result<std::vector<Endpoint>> find_endpoints(const Service& service, const base::Deadline& deadline,
                                             std::stop_token stop) {
  std::vector<net::HostPort> hosts = service.addresses;
  if (!service.srv.empty()) {
    hosts = TRY(net::resolve_srv(service.srv, service.dns, deadline, stop));
  }
  const auto too_many = [&] {
    return fail(Errc::invalid, "{} has more than {} instances", to_text(service), instances_max);
  };
  if (hosts.size() > instances_max) return too_many();
  std::vector<std::optional<Result<net::HostAddresses>>> found(hosts.size());
  all_at_once(hosts.size(), [&](std::size_t i) {
    found[i] = net::resolve_host(hosts[i].host, service.dns, deadline, stop);
  });
  std::vector<Endpoint> endpoints;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!*found[i]) return fail(std::move(found[i]->error()));
    const net::HostAddresses& addresses = **found[i];
    for (const auto& ip : addresses.ipv4.empty() ? addresses.ipv6 : addresses.ipv4) {
      endpoints.push_back({hosts[i], ip});
    }
  }
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  if (endpoints.empty()) return fail(Errc::not_found, "no instance was named");
  if (endpoints.size() > instances_max) return too_many();
  return endpoints;
}

}  // namespace stillpoint::window
