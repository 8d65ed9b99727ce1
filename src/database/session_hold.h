// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "database/database.h"

namespace stillpoint::database {

inline Error held_too_long(std::string_view doing, base::Duration hold_max) {
  return Error{Errc::busy,
               std::string(doing) + ": held for longer than " + base::display_duration(hold_max),
               "allow more with hold_max, or open fewer snapshots in one window"};
}

// A lock that lives as long as its session, or until `release` is executed there. Whatever happens
// to us, the server ends the session once it has been idle for the time allowed: take() tells it
// so, and calls taken().
template <class Connection>
class SessionHold : public Hold {
 public:
  SessionHold(Connection session, std::string release, base::Duration hold_max)
      : session_(std::move(session)), release_(std::move(release)), hold_max_(hold_max) {}
  SessionHold(const SessionHold&) = delete;
  SessionHold& operator=(const SessionHold&) = delete;
  ~SessionHold() override {
    if (!over_ || released_ || !session_.usable()) return;
    session_.limit(base::Deadline(std::chrono::seconds(1)));
    (void)session_.execute(release_);
  }

  Result<void> release() override {
    released_ = true;
    session_.limit(base::Deadline(std::chrono::seconds(10)));
    TRY_DURING("release the tables", session_.execute(release_));
    if (!over_ || over_->passed()) return fail(held_too_long("release the tables", hold_max_));
    return {};
  }

 protected:
  Connection& session() { return session_; }
  base::Duration hold_max() const { return hold_max_; }
  void taken() { over_.emplace(hold_max_); }

 private:
  Connection session_;
  std::string release_;
  base::Duration hold_max_;
  std::optional<base::Deadline> over_;  // since it is held
  bool released_ = false;
};

}  // namespace stillpoint::database
