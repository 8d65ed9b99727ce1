// SPDX-License-Identifier: Apache-2.0
// Rows on their way into a staged table: LOAD DATA LOCAL from memory, some megabytes at a time, in
// one transaction with the note that they are there.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "database/mysql/target/staging.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

struct LoadPlace {
  std::string schema = {};
  std::string table = {};
  std::string format = {};  // what follows the table's name in LOAD DATA
};

// `then`: what is to be done on the same session when all rows are committed.
using AfterPart = std::function<Result<void>(Connection& session)>;
Result<std::unique_ptr<Target::StagedPart>> load_part(Staging& staging, const LoadPlace& place,
                                                      const std::string& path, std::uint64_t bytes,
                                                      AfterPart then, const std::stop_token& stop);

}  // namespace stillpoint::database::mysql
