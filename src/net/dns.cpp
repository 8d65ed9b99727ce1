// SPDX-License-Identifier: Apache-2.0
// c-ares, driven by poll() on the caller's thread: one query, one channel, no threads.
#include "net/dns.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <poll.h>

#include "base/text.h"

namespace stillpoint::net {
namespace {

constexpr int try_milliseconds = 700;  // for one answer of one server
constexpr int tries = 4;
constexpr std::size_t records_max = 4096;
constexpr std::chrono::milliseconds step{50};  // how soon a stop request is heard

struct ChannelCloser {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<std::remove_pointer_t<ares_channel>, ChannelCloser>;

tl::unexpected<Error> failure(int status) {
  const bool none = status == ARES_ENOTFOUND || status == ARES_ENODATA;
  Errc code = none ? Errc::not_found : Errc::unavailable;
  if (status == ARES_EBADNAME) code = Errc::invalid;
  if (status == ARES_EBADRESP) code = Errc::corrupt;
  return fail(Error{code, ares_strerror(status),
                    none ? "check the name, and that the servers are ready in the DNS"
                         : "check the network and the DNS server"});
}

Result<Channel> open_channel(const DnsOptions& options) {
  static const int ready = ares_library_init(ARES_LIB_INIT_ALL);
  if (ready != ARES_SUCCESS) return failure(ready);
  ares_options settings = {};
  settings.timeout = try_milliseconds;
  settings.tries = tries;
  ares_channel raw = nullptr;
  const int made = ares_init_options(&raw, &settings, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (made != ARES_SUCCESS) return failure(made);
  Channel channel(raw);
  if (options.server) {
    const int set = ares_set_servers_ports_csv(channel.get(), to_text(*options.server).c_str());
    if (set != ARES_SUCCESS) return failure(set);
  }
  return channel;
}

// Waits until `done`, which the channel's callback sets. What is left goes with the channel.
Result<void> drive(ares_channel channel, const bool& done, const base::Deadline& deadline,
                   const std::stop_token& stop) {
  while (!done) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    if (deadline.passed()) return failure(ARES_ETIMEOUT);
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets = {};
    const auto bits = static_cast<unsigned>(
        ares_getsock(channel, sockets.data(), static_cast<int>(sockets.size())));
    std::vector<pollfd> polled;
    for (unsigned i = 0; i < sockets.size(); ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(bits, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(bits, i)) events |= POLLOUT;
      if (events != 0) polled.push_back({sockets[i], events, 0});
    }
    const auto wait = std::min<base::Duration>(step, deadline.left());
    const int milliseconds =
        static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
    ::poll(polled.data(), polled.size(), milliseconds);
    for (const pollfd& p : polled) {
      const bool readable = (p.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writable = (p.revents & POLLOUT) != 0;
      ares_process_fd(channel, readable ? p.fd : ARES_SOCKET_BAD,
                      writable ? p.fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // its time-outs
  }
  return {};
}

struct SrvAnswer {
  bool done = false;
  int status = ARES_SUCCESS;
  std::set<HostPort> records = {};
};

void take_srv(void* argument, int status, int, unsigned char* reply, int size) {
  auto& answer = *static_cast<SrvAnswer*>(argument);
  answer.done = true;
  answer.status = status;
  if (status != ARES_SUCCESS) return;
  ares_srv_reply* list = nullptr;
  answer.status = ares_parse_srv_reply(reply, size, &list);
  for (const ares_srv_reply* at = list; at != nullptr; at = at->next) {
    const std::string host = at->host;
    // "." says that there is no such service (RFC 2782).
    if (!host.empty() && host != "." && at->port != 0) answer.records.insert({host, at->port});
  }
  ares_free_data(list);
}

struct HostAnswer {
  bool done = false;
  int status = ARES_SUCCESS;
  std::set<std::string> ipv4 = {};
  std::set<std::string> ipv6 = {};
};

void take_host(void* argument, int status, int, ares_addrinfo* found) {
  auto& answer = *static_cast<HostAnswer*>(argument);
  answer.done = true;
  answer.status = status;
  if (found == nullptr) return;
  for (const ares_addrinfo_node* at = found->nodes; at != nullptr; at = at->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text = {};
    const bool four = at->ai_family == AF_INET;
    const void* bytes =
        four ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(at->ai_addr)->sin_addr)
             : &reinterpret_cast<sockaddr_in6*>(at->ai_addr)->sin6_addr;
    if (::inet_ntop(at->ai_family, bytes, text.data(), text.size()) != nullptr) {
      (four ? answer.ipv4 : answer.ipv6).insert(text.data());
    }
  }
  ares_freeaddrinfo(found);
}

}  // namespace

Result<std::vector<HostPort>> resolve_srv(const std::string& name, const DnsOptions& options,
                                          const base::Deadline& deadline, std::stop_token stop) {
  const std::string doing = "look up the SRV records of " + base::printable(name);
  SrvAnswer answer;  // outlives the channel, whose end calls back
  const Channel channel = TRY_DURING(doing, open_channel(options));
  ares_search(channel.get(), name.c_str(), ns_c_in, ns_t_srv, take_srv, &answer);
  TRY_DURING(doing, drive(channel.get(), answer.done, deadline, stop));
  if (answer.status == ARES_SUCCESS && answer.records.empty()) answer.status = ARES_ENODATA;
  if (answer.status != ARES_SUCCESS) {
    return fail(failure(answer.status).value().during(doing));
  }
  if (answer.records.size() > records_max) {
    return fail(Errc::invalid, "{}: {} records (at most {})", doing, answer.records.size(),
                records_max);
  }
  return std::vector<HostPort>(answer.records.begin(), answer.records.end());
}

Result<HostAddresses> resolve_host(const std::string& host, const DnsOptions& options,
                                   const base::Deadline& deadline, std::stop_token stop) {
  if (is_ipv4(host)) return HostAddresses{{host}, {}};
  if (is_ipv6(host)) return HostAddresses{{}, {host}};
  const std::string doing = "look up the addresses of " + base::printable(host);
  HostAnswer answer;
  const Channel channel = TRY_DURING(doing, open_channel(options));
  ares_addrinfo_hints hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel.get(), host.c_str(), nullptr, &hints, take_host, &answer);
  TRY_DURING(doing, drive(channel.get(), answer.done, deadline, stop));
  if (answer.status == ARES_SUCCESS && answer.ipv4.empty() && answer.ipv6.empty()) {
    answer.status = ARES_ENODATA;
  }
  if (answer.status != ARES_SUCCESS) return fail(failure(answer.status).value().during(doing));
  return HostAddresses{{answer.ipv4.begin(), answer.ipv4.end()},
                       {answer.ipv6.begin(), answer.ipv6.end()}};
}

}  // namespace stillpoint::net
