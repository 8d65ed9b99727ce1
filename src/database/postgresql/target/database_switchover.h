// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database/database.h"
#include "database/postgresql/target/maintenance.h"
#include "database/switchover.h"

namespace stillpoint::database::postgresql {

struct DatabaseTicket {
  std::string target = {};
  std::string staged = {};
  std::string kept = {};
  std::string mark = {};        // the comment of what is staged
  std::int64_t staged_oid = 0;  // tells the databases apart, whatever they are called by now
  std::int64_t old_oid = 0;     // 0: there was none
  bool open = true;             // whether clients may connect in the end
  std::vector<std::string> settings = {};  // statements for the target
};
std::string encode_ticket(const DatabaseTicket& ticket);
Result<DatabaseTicket> decode_ticket(const std::string& text);

// The switch of a database by renaming. Closed is what takes no connections (ALLOW_CONNECTIONS
// false), which a superuser cannot get around either, and which lasts until somebody undoes it.
class DatabaseSwitchover final : public Switchover {
 public:
  DatabaseSwitchover(Address address, DatabaseTicket ticket)
      : address_(std::move(address)), ticket_(std::move(ticket)) {}

  Result<void> close(bool force) override;
  bool closed_for_good() const override { return true; }
  Result<std::string> swap() override;
  Result<void> swap_back() override;
  Result<void> open() override;
  Result<void> discard() override;

 private:
  // What the two databases are called now; empty for one that is not there.
  struct Names {
    std::string staged = {};
    std::string old = {};
    bool staged_open = false;
  };
  Result<Names> look();
  bool swapped(const Names& names) const { return names.staged == ticket_.target; }
  Result<void> allow(const std::string& name, bool allowed);
  Result<void> empty(const std::string& name, bool force);
  Result<void> rename(const std::vector<std::string>& statements, bool back);
  std::string replacing() const;  // "replace database bank on db1:5432"

  const Address address_;
  const DatabaseTicket ticket_;
  std::optional<Maintenance> server_;
  bool force_ = false;
};

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket);

}  // namespace stillpoint::database::postgresql
