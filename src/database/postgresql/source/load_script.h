// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "database/postgresql/source/inventory.h"
#include "database/postgresql/source/schema_json.h"

namespace stillpoint::database::postgresql {

struct LoadPart {
  const Table* table = nullptr;
  const Table* through = nullptr;  // which is named instead of it
  std::string path = {};           // "data/public/accounts/0000"
};

// schema/load.sql: what somebody with a restored backup and psql alone runs between pre-data.sql
// and post-data.sql, in the folder that holds "schema" and "data".
std::string load_script(const std::vector<LoadPart>& parts,
                        const std::vector<SequenceValue>& sequences, const std::string& encoding,
                        bool large_objects);

}  // namespace stillpoint::database::postgresql
