// SPDX-License-Identifier: Apache-2.0
// What a restore needs besides pg_dump's archive, as JSON texts that the server makes. Their fields
// are described in docs/formats/postgresql.md.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/source/inventory.h"

namespace stillpoint::database::postgresql {

// schema/database.json: the database itself, which pg_dump without --create leaves out.
Result<std::string> database_json(Connection& session);
// schema/tables.json: each chosen table, as it takes to make it under another name.
Result<std::string> tables_json(Connection& session, const Inventory& inventory);

struct SequenceValue {
  const Sequence* sequence = nullptr;
  std::string last_value = {};
  bool called = false;  // whether last_value was given out already
};

// As they are now: no snapshot holds sequences. One that was dropped meanwhile is an error.
Result<std::vector<SequenceValue>> read_sequences(Connection& session, const Inventory& inventory);
// schema/sequences.json
std::string sequences_json(const std::vector<SequenceValue>& values);

}  // namespace stillpoint::database::postgresql
