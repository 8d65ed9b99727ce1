// SPDX-License-Identifier: Apache-2.0
// Several sessions that read tables at once, all from one snapshot.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"
#include "database/mysql/source/inventory.h"
#include "database/mysql/source/ranges.h"
#include "database/mysql/source/snapshot.h"

namespace stillpoint::database::mysql {

class TableReader {
 public:
  // Connects `count` sessions to the server of `holder`; fewer, where it has no more to give.
  static Result<std::unique_ptr<TableReader>> connect(Connection& holder,
                                                      const ServerIdentity& identity,
                                                      unsigned count, base::Duration open_max,
                                                      std::stop_token stop);
  unsigned sessions() const { return static_cast<unsigned>(all_.size()); }

  // Opens the snapshot on all of them, or on as many as can be had.
  Result<Opened> open(Connection& control, const ServerIdentity& identity,
                      const std::vector<Way>& ways, base::Deadline deadline);
  // Afterwards, when nobody waits for it.
  Result<void> confirm(const ServerIdentity& identity, Opened& opened) {
    return confirm_snapshot(all_, identity, opened);
  }
  // The session that has a metadata lock on every table, for what is not read(). While nobody
  // reads.
  Connection& first() { return *all_.front(); }

  // By any number of threads; those without a free session wait. Where somebody waits to alter the
  // table, other sessions would queue behind them, who wait for us: then the first one reads it.
  // `watch`, where there is one, is shown each row.
  Result<Receipt> read(const Table& table, const RowRange& range, Sink& sink, const Watch* watch,
                       std::stop_token stop);

 private:
  Result<Connection*> lease(std::stop_token stop, Connection* wanted);
  void give_back(Connection* session);
  Result<Receipt> read_on(Connection& session, const Table& table, const RowRange& range,
                          Sink& sink, const Watch* watch, std::stop_token stop) const;
  Error explain(Error error, const Table& table, unsigned number) const;

  std::vector<std::unique_ptr<Connection>> all_;
  std::mutex free_mutex_;
  std::condition_variable_any free_changed_;
  std::set<Connection*> free_;
  base::Duration open_max_ = {};
  std::optional<base::Deadline> deadline_;
};

}  // namespace stillpoint::database::mysql
