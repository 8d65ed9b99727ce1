// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "base/result.h"
#include "database/database.h"
#include "database/sqlite/connection.h"

namespace stillpoint::database::sqlite {

// Streams the database file as a checkpoint of the snapshot that `source` holds would leave it, in
// bounded memory and without a second copy. In page 1 the change counter is always 1 and the
// version of the writing library ours; every other byte is the source's.
Result<void> copy_snapshot(Connection& source, Sink& sink, const std::stop_token& stop);

}  // namespace stillpoint::database::sqlite
