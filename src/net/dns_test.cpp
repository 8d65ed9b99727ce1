// SPDX-License-Identifier: Apache-2.0
#include "net/dns.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "net/testing.h"

namespace stillpoint::net {
namespace {

using namespace std::chrono_literals;
using testing::Test;

class Dns : public Test {
 protected:
  Result<std::vector<HostPort>> srv(const std::string& name, base::Duration time = 10s) {
    return resolve_srv(name, dns_.options(), base::Deadline(time), {});
  }
  Result<HostAddresses> host(const std::string& name, base::Duration time = 10s) {
    return resolve_host(name, dns_.options(), base::Deadline(time), {});
  }
  void set(const TestRecords& records) {
    dns_.records().with([&](TestRecords& r) { r = records; });
  }
  TestDns dns_;
};

TEST_F(Dns, EveryRecordOnceAndInOrder) {
  set({.srv = {{"_admin._tcp.bank.test",
                {{"b.test", 7}, {"a.test", 8}, {"b.test", 7}, {"b.test", 6}}}}});
  const auto found = srv("_admin._tcp.bank.test");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (std::vector<HostPort>{{"a.test", 8}, {"b.test", 6}, {"b.test", 7}}));
}

TEST_F(Dns, MoreRecordsThanADatagramHolds) {
  TestRecords records;
  for (int i = 100; i < 300; ++i) {
    records.srv["_admin._tcp.bank.test"].push_back({fmt::format("bank-{}.bank.test", i), 60053});
  }
  set(records);
  const auto found = srv("_admin._tcp.bank.test");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, records.srv["_admin._tcp.bank.test"]);
}

TEST_F(Dns, NoRecordsAreAnError) {
  set({.srv = {{"_empty._tcp.test", {}}}});
  for (const char* name : {"_empty._tcp.test", "_absent._tcp.test"}) {
    const auto found = srv(name);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_NE(found.error().message.find(name), std::string::npos);
  }
}

TEST_F(Dns, ARootTargetMeansNoService) {
  set({.srv = {{"_off._tcp.test", {{"", 60053}}}}});
  const auto found = srv("_off._tcp.test");
  ASSERT_FALSE(found);
}

TEST_F(Dns, ASilentServerIsGivenUpInTime) {
  set({.silent = true});
  const auto started = std::chrono::steady_clock::now();
  const auto found = srv("_admin._tcp.bank.test", 300ms);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
}

TEST_F(Dns, AStopRequestIsHeard) {
  set({.silent = true});
  std::stop_source stop;
  stop.request_stop();
  const auto found =
      resolve_srv("_admin._tcp.bank.test", dns_.options(), base::Deadline(30s), stop.get_token());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::cancelled);
}

TEST_F(Dns, AddressesOfBothFamilies) {
  set({.hosts = {{"a.test", {"10.0.0.2", "fd00::1", "10.0.0.1"}}, {"six.test", {"fd00::2"}}}});
  const auto both = host("a.test");
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->ipv4, (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(both->ipv6, (std::vector<std::string>{"fd00::1"}));
  const auto six = host("six.test");
  ASSERT_TRUE(six) << six.error().message;
  EXPECT_EQ(six->ipv4, std::vector<std::string>());
  EXPECT_EQ(six->ipv6, (std::vector<std::string>{"fd00::2"}));
}

TEST_F(Dns, AnAddressStandsForItself) {
  const auto four = host("127.0.0.1");
  ASSERT_TRUE(four);
  EXPECT_EQ(four->ipv4, (std::vector<std::string>{"127.0.0.1"}));
  const auto six = host("::1");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->ipv6, (std::vector<std::string>{"::1"}));
}

TEST_F(Dns, NothingIsRemembered) {
  set({.srv = {{"_admin._tcp.bank.test", {{"a.test", 1}}}}});
  ASSERT_TRUE(srv("_admin._tcp.bank.test"));
  set({.srv = {{"_admin._tcp.bank.test", {{"b.test", 2}}}}});
  const auto found = srv("_admin._tcp.bank.test");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (std::vector<HostPort>{{"b.test", 2}}));
}

TEST_F(Dns, GarbageIsAnError) {
  set({.garbage = base::copy_of("no answer at all, and much too long for a header")});
  EXPECT_FALSE(srv("_admin._tcp.bank.test", 300ms));
  EXPECT_FALSE(host("a.test", 300ms));
}

TEST(Address, IsReadAndWritten) {
  for (const char* text : {"db1:1", "10.0.0.1:60053", "[::1]:65535", "[fe80::1%eth0]:80"}) {
    const auto address = parse_host_port(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_text(*address), text);
  }
  EXPECT_EQ(parse_host_port("[::1]:60053")->host, "::1");
}

TEST(Address, WhatIsNoneIsRefusedWithAdvice) {
  for (const char* text : {"", "db1", "db1:", ":1", "db1:0", "db1:65536", "db1:1x", "::1:60053",
                           "[::1]", "[db1]:1", "[::1:60053", "a b:1", "db1:-1", "[]:1", "a/b:1"}) {
    const auto address = parse_host_port(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Errc::invalid);
    EXPECT_NE(address.error().advice, "");
  }
}

TEST(Address, AnyTextIsReadOrRefused) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const auto address = parse_host_port(text);
    if (address) RC_ASSERT(*parse_host_port(to_text(*address)) == *address);
  }));
}

}  // namespace
}  // namespace stillpoint::net
