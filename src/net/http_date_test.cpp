// SPDX-License-Identifier: Apache-2.0
#include "net/http_date.h"

#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

namespace stillpoint::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(HttpDate, IsRead) {
  const auto time = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
  ASSERT_TRUE(time) << time.error().message;
  EXPECT_EQ(base::format_time(*time), "1994-11-06T08:49:37.000000000Z");
}

TEST(HttpDate, WhatIsNoDateIsRefused) {
  for (const char* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 0x Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1894 08:49:37 GMT"}) {
    const auto time = parse_http_date(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, Errc::corrupt);
  }
}

// Answers each request of each connection with the same bytes; silent where there are none.
class Server {
 public:
  explicit Server(std::string answer)
      : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
    socklen_t size = sizeof address;
    ::getsockname(socket_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
    ::listen(socket_.descriptor(), 5);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~Server() { ::shutdown(socket_.descriptor(), SHUT_RDWR); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  int connections() const { return connections_; }

 private:
  void serve() {
    for (;;) {
      const base::File client(::accept(socket_.descriptor(), nullptr, nullptr));
      if (client.descriptor() < 0) return;
      ++connections_;
      std::string got;
      std::array<char, 4096> piece = {};
      for (ssize_t n = 0; (n = ::read(client.descriptor(), piece.data(), piece.size())) > 0;) {
        got.append(piece.data(), static_cast<std::size_t>(n));
        if (!got.ends_with("\r\n\r\n")) continue;
        EXPECT_TRUE(got.starts_with("HEAD / HTTP/1.1\r\n")) << got;
        got.clear();
        if (!answer_.empty()) {
          (void)!::send(client.descriptor(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
        }
      }
    }
  }
  const std::string answer_;
  base::File socket_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::jthread thread_;
};

Result<base::Time> ask(const std::string& url, base::Duration time = 5s) {
  HttpClock clock = TRY(HttpClock::open(url));
  return clock.ask(base::Deadline(time), {});
}

TEST(HttpClock, AsksForTheDateOverOneConnection) {
  const Server server(
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\ndate:   Sat, 21 Nov 2026 08:30:00 GMT \r\n"
      "X-Date: Sat, 21 Nov 2020 08:30:00 GMT\r\n\r\n");
  auto clock = HttpClock::open(server.url());
  ASSERT_TRUE(clock) << clock.error().message;
  for (int i = 0; i < 3; ++i) {
    const auto time = clock->ask(base::Deadline(5s), {});
    ASSERT_TRUE(time) << time.error().message;
    EXPECT_EQ(base::format_time(*time), "2026-11-21T08:30:00.000000000Z");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClock, WhatHasNoDateIsNoClock) {
  const Server server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const auto time = ask(server.url());
  ASSERT_FALSE(time);
  EXPECT_EQ(time.error().code, Errc::unsupported);
}

TEST(HttpClock, WaitsNoLongerThanItMay) {
  const Server server("");
  const auto started = std::chrono::steady_clock::now();
  const auto time = ask(server.url(), 100ms);
  ASSERT_FALSE(time);
  EXPECT_EQ(time.error().code, Errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
}

TEST(HttpClock, NobodyThereIsTold) {
  const auto time = ask("http://127.0.0.1:1/?key=secret");
  ASSERT_FALSE(time);
  EXPECT_EQ(time.error().code, Errc::unavailable);
  EXPECT_THAT(time.error().message, HasSubstr("http://127.0.0.1:1/ for"));
}

TEST(HttpClock, OtherUrlsAreRefused) {
  for (const char* url :
       {"ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "https://me:secret@127.0.0.1/"}) {
    const auto clock = HttpClock::open(url);
    ASSERT_FALSE(clock) << url;
    EXPECT_EQ(clock.error().code, Errc::invalid);
    EXPECT_THAT(clock.error().message, ::testing::Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace stillpoint::net
