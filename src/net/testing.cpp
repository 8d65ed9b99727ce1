// SPDX-License-Identifier: Apache-2.0
#include "net/testing.h"

#include <array>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

namespace stillpoint::net {
namespace {

constexpr std::size_t udp_bytes_max = 512;
constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_aaaa = 28;
constexpr std::uint16_t type_srv = 33;

void put_u16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<Byte>(value >> 8));
  out.push_back(static_cast<Byte>(value));
}

Bytes encoded_name(const std::string& name) {
  Bytes out;
  for (const std::string& label : base::split(name, '.')) {
    out.push_back(static_cast<Byte>(label.size()));
    base::append(out, base::view_of(label));
  }
  out.push_back(0);
  return out;
}

void put_record(Bytes& out, std::uint16_t type, const Bytes& data) {
  put_u16(out, 0xC00C);  // the name of the question
  put_u16(out, type);
  put_u16(out, 1);
  put_u16(out, 0);
  put_u16(out, 0);  // no second to live
  put_u16(out, data.size());
  base::append(out, data);
}

struct Question {
  std::string name = {};
  std::uint16_t type = 0;
  std::size_t end = 0;
};

Question question_of(ByteView query) {
  Question question;
  std::size_t at = 12;
  while (at < query.size() && query[at] != 0) {
    if (!question.name.empty()) question.name += '.';
    question.name += base::text_of(query.subspan(at + 1, query[at]));
    at += query[at] + std::size_t{1};
  }
  question.type = static_cast<std::uint16_t>(query[at + 1] << 8 | query[at + 2]);
  question.end = at + 5;
  return question;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool bind_to(const base::File& socket, sockaddr_in address) {
  return ::bind(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TestDns::TestDns() {
  for (int tries = 0; tries < 50; ++tries) {  // a port that is free for both
    udp_ = base::File(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    tcp_ = base::File(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    socklen_t size = sizeof address;
    if (!bind_to(udp_, loopback(0))) continue;
    ::getsockname(udp_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (bind_to(tcp_, loopback(port_)) && ::listen(tcp_.descriptor(), 16) == 0) {
      thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
      return;
    }
  }
  throw std::runtime_error("no free port for a DNS server");
}

TestDns::~TestDns() {
  thread_ = {};
}

Bytes TestDns::answer(ByteView query, bool whole) {
  const Question question = question_of(query);
  std::vector<Bytes> data;
  Bytes garbage;
  bool known = false;
  records_.with([&](const TestRecords& records) {
    garbage = base::copy_of(records.garbage);
    const auto srv = records.srv.find(question.name);
    if (srv != records.srv.end()) {
      known = true;
      for (const HostPort& target : srv->second) {
        if (question.type != type_srv) continue;
        Bytes& one = data.emplace_back();
        put_u16(one, 0);
        put_u16(one, 10);
        put_u16(one, target.port);
        base::append(one, encoded_name(target.host));
      }
    }
    const auto host = records.hosts.find(question.name);
    if (host == records.hosts.end()) return;
    known = true;
    for (const std::string& address : host->second) {
      const bool four = is_ipv4(address);
      if (question.type != (four ? type_a : type_aaaa)) continue;
      std::array<Byte, 16> bytes = {};
      ::inet_pton(four ? AF_INET : AF_INET6, address.c_str(), bytes.data());
      data.push_back(base::copy_of(ByteView(bytes).first(four ? 4 : 16)));
    }
  });
  if (!garbage.empty()) return garbage;
  Bytes reply = base::copy_of(query.first(2));
  Bytes records;
  for (const Bytes& one : data) put_record(records, question.type, one);
  const bool cut = !whole && question.end + records.size() > udp_bytes_max;
  put_u16(reply, 0x8580U | (cut ? 0x0200U : 0U) | (known ? 0U : 3U));
  put_u16(reply, 1);
  put_u16(reply, cut ? 0 : data.size());
  put_u16(reply, 0);
  put_u16(reply, 0);
  base::append(reply, query.subspan(12, question.end - 12));
  if (!cut) base::append(reply, records);
  return reply;
}

void TestDns::serve(const std::stop_token& stop) {
  std::array<Byte, 2048> buffer = {};
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> polled = {pollfd{udp_.descriptor(), POLLIN, 0},
                                    pollfd{tcp_.descriptor(), POLLIN, 0}};
    ::poll(polled.data(), polled.size(), 20);
    const bool silent = records_.with([](const TestRecords& r) { return r.silent; });
    if ((polled[0].revents & POLLIN) != 0) {
      sockaddr_in from = {};
      socklen_t size = sizeof from;
      auto* const address = reinterpret_cast<sockaddr*>(&from);
      const ssize_t got =
          ::recvfrom(udp_.descriptor(), buffer.data(), buffer.size(), 0, address, &size);
      if (got < 17 || silent) continue;
      const Bytes reply = answer(ByteView(buffer).first(static_cast<std::size_t>(got)), false);
      ::sendto(udp_.descriptor(), reply.data(), reply.size(), 0, address, size);
    }
    if ((polled[1].revents & POLLIN) != 0) {
      const base::File client(::accept4(tcp_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
      const ssize_t got = ::recv(client.descriptor(), buffer.data(), buffer.size(), 0);
      if (got < 19 || silent) continue;
      const Bytes reply =
          answer(ByteView(buffer).subspan(2, static_cast<std::size_t>(got) - 2), true);
      Bytes framed;
      put_u16(framed, reply.size());
      base::append(framed, reply);
      (void)client.write(framed);
    }
  }
}

}  // namespace stillpoint::net
