// SPDX-License-Identifier: Apache-2.0
// A DNS server for tests: on a free port of the loopback, with records that can change.
#pragma once

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/guarded.h"
#include "net/dns.h"

namespace stillpoint::net {

struct TestRecords {
  std::map<std::string, std::vector<HostPort>> srv = {};       // by name, without a final dot
  std::map<std::string, std::vector<std::string>> hosts = {};  // IPv4 and IPv6 addresses
  bool silent = false;
  Bytes garbage = {};  // sent instead of any answer
};

// Answers over UDP, and over TCP what does not fit into 512 bytes.
class TestDns {
 public:
  TestDns();
  ~TestDns();
  TestDns(const TestDns&) = delete;
  TestDns& operator=(const TestDns&) = delete;

  DnsOptions options() const { return {HostPort{"127.0.0.1", port_}}; }
  base::Guarded<TestRecords>& records() { return records_; }

 private:
  void serve(const std::stop_token& stop);
  Bytes answer(ByteView query, bool whole);
  base::File udp_;
  base::File tcp_;
  std::uint16_t port_ = 0;
  base::Guarded<TestRecords> records_;
  std::jthread thread_;
};

}  // namespace stillpoint::net
