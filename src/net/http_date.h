// SPDX-License-Identifier: Apache-2.0
// The clock of an HTTP server, by the Date of its answers (RFC 9110, whole seconds).
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace stillpoint::net {

// "Sun, 06 Nov 1994 08:49:37 GMT".
Result<base::Time> parse_http_date(std::string_view text);

// One thread at a time. The connection is kept between questions.
class HttpClock {
 public:
  // An http:// or https:// URL; there may be no password in it. Proxies as the environment says
  // (https_proxy). `ca_file`: whom to trust instead of the system's authorities.
  static Result<HttpClock> open(const std::string& url, const std::string& ca_file = {});
  HttpClock(HttpClock&&) noexcept;
  ~HttpClock();

  // Asks by HEAD. The answer's status does not matter, its Date does: the server's clock showed
  // something from this second on, before the next one.
  Result<base::Time> ask(const base::Deadline& deadline, std::stop_token stop);

 private:
  struct State;
  explicit HttpClock(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stillpoint::net
