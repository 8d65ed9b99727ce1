// SPDX-License-Identifier: Apache-2.0
// The schema as pg_dump writes it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "database/postgresql/session/client_tools.h"

namespace stillpoint::database::postgresql {

struct Schema {
  base::File archive = {};  // pg_dump's custom format, in memory
  std::uint64_t archive_bytes = 0;
  std::string pre_data = {};  // the same as SQL: what comes before the rows
  std::string post_data = {};
  std::vector<std::string> warnings = {};
};

// Runs on a thread of its own from start() on: the sooner pg_dump has its locks, the less can get
// in its way, and tables are read meanwhile.
class SchemaDump {
 public:
  // `arguments`: pg_dump's, besides format and sections.
  void start(ClientTools tools, ToolTarget target, std::vector<std::string> arguments);
  // By any thread: waits until it is done. The result lives as long as this.
  Result<const Schema*> wait(std::stop_token stop);
  std::vector<std::string> warnings();

 private:
  std::mutex mutex_;
  std::condition_variable_any done_;
  std::optional<Result<Schema>> outcome_;
  std::jthread thread_;  // last: it uses the others
};

// pg_dumpall's text of the cluster's roles (without passwords), or of its tablespaces.
Result<std::string> dump_globals(const ClientTools& tools, const ToolTarget& target,
                                 const std::string& database, bool roles, std::stop_token stop);

}  // namespace stillpoint::database::postgresql
