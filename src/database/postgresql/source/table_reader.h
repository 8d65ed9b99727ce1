// SPDX-License-Identifier: Apache-2.0
// Several sessions that read tables at once, all from one snapshot.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/source/inventory.h"
#include "database/postgresql/source/ranges.h"

namespace stillpoint::database::postgresql {

class TableReader {
 public:
  // Connects `count` sessions to the server of `holder`; fewer, where it has no more to give. With
  // one or none the holder itself reads.
  static Result<std::unique_ptr<TableReader>> connect(Connection& holder, unsigned count,
                                                      std::stop_token stop);
  unsigned sessions() const { return std::max(1U, static_cast<unsigned>(all_.size())); }

  // From now on the holder's snapshot is open; reading it fails once that was so long ago.
  void open(base::Duration open_max);
  // The name by which the sessions find it. Before read().
  void exported(std::string snapshot) { snapshot_ = std::move(snapshot); }

  // By any number of threads; those without a free session wait. The table's lock is taken without
  // waiting: where somebody waits for an exclusive one, that would wait for us, who wait for them.
  // The part is then read by the holder, which has the lock. `watch`, where there is one, is shown
  // each row.
  Result<Receipt> read(const Table& table, const PageRange& range, Sink& sink, const Watch* watch,
                       std::stop_token stop);

 private:
  explicit TableReader(Connection& holder) : holder_(holder) {}
  Result<Connection*> lease(std::stop_token stop);
  void give_back(Connection* session);
  struct Work {
    const Table& table;
    const PageRange& range;
    Sink& sink;
    const Watch* watch;
  };
  Result<Receipt> copy(Connection& session, const Work& work, std::stop_token stop) const;
  Result<Receipt> copy_by_holder(const Work& work, std::stop_token stop);
  Error explain(Error error) const;

  Connection& holder_;
  std::mutex holder_mutex_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::mutex free_mutex_;
  std::condition_variable_any free_changed_;
  std::vector<Connection*> free_;
  std::string snapshot_;
  base::Duration open_max_ = {};
  std::optional<base::Deadline> deadline_;
};

}  // namespace stillpoint::database::postgresql
