// SPDX-License-Identifier: Apache-2.0
// Archives that pg_dump wrote (its custom format), restored by pg_restore.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "database/postgresql/session/connection.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

struct ArchiveOptions {
  std::vector<std::string> arguments = {};  // of pg_restore, besides the connection
  std::string session_options = {};         // "-c maintenance_work_mem=256MB"
};

// Runs pg_restore on an archive in memory, into the database of that session.
Result<void> restore_archive(const Connection& into, const base::File& archive,
                             const ArchiveOptions& options, const std::stop_token& stop);

// The extensions that the archive creates.
Result<std::vector<std::string>> extensions_in(const Connection& server, const base::File& archive,
                                               const std::stop_token& stop);

// The large objects of an archive, restored while its bytes come; finish() returns when pg_restore
// has ended. `into` must live as long.
Result<std::unique_ptr<Target::StagedPart>> stream_large_objects(const Connection& into,
                                                                 const ArchiveOptions& options,
                                                                 const std::stop_token& stop);

}  // namespace stillpoint::database::postgresql
