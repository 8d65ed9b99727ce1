// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/replay/system_replay.h"

#include <algorithm>

#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t bytes_shown = 80;  // of a key

std::string shortened(std::string_view text) {
  return base::printable(text.substr(0, bytes_shown)) + (text.size() > bytes_shown ? "..." : "");
}

std::string name_of_record(const std::string& table, std::span<const database::Value> keys,
                           const database::Value& transaction) {
  std::vector<std::string> values;
  for (const database::Value& key : keys) values.push_back(shortened(key.value_or("null")));
  return "record " + base::join(values, ", ") + " of " + base::printable(table) + ", transaction " +
         shortened(transaction.value_or("null"));
}

}  // namespace

Result<void> SystemReplay::examine(const std::string& member, database::RowSource& rows,
                                   const std::vector<std::string>& metadata_namespaces) {
  for (const std::string& name_space : metadata_namespaces) {
    auto tables = read_tables(rows, name_space);
    if (!tables && tables.error().code == Errc::not_found) continue;
    if (!tables) return fail(std::move(tables.error()).during("ScalarDB's metadata in " + member));
    for (Table& table : *tables) tables_.push_back({member, std::move(table)});
  }
  return {};
}

bool SystemReplay::any_coordinator() const {
  return std::any_of(tables_.begin(), tables_.end(),
                     [](const Placed& one) { return one.table.coordinator; });
}

std::vector<database::Watch> SystemReplay::watches(const std::string& member,
                                                   const database::RowSource& rows) {
  std::vector<database::Watch> all;
  for (const Placed& one : tables_) {
    if (one.member != member) continue;
    const std::string stored = stored_name(rows, one.table.name_space, one.table.name);
    if (one.table.coordinator) {
      all.push_back(replay_.coordinator(stored, one.table.group_commit));
    } else if (one.table.transactional) {
      all.push_back(replay_.records(stored, member + ":" + one.shown(), one.table.keys));
    }
  }
  return all;
}

Result<ReplayReport> SystemReplay::judge() {
  ReplayReport report = TRY(replay_.judge());
  for (const Suspect& suspect : report.suspects) wanted_.push_back(suspect.record);
  std::sort(wanted_.begin(), wanted_.end());
  return report;
}

std::vector<database::Watch> SystemReplay::names_wanted(const std::string& member,
                                                        const database::RowSource& rows) {
  std::vector<database::Watch> all;
  if (wanted_.empty()) return all;
  for (const Placed& one : tables_) {
    if (one.member != member || !one.table.transactional) continue;
    std::vector<std::string> columns = {"tx_id"};
    columns.insert(columns.end(), one.table.keys.begin(), one.table.keys.end());
    const auto look = [this, hashed = member + ":" + one.shown(),
                       shown = one.shown()](std::span<const database::Value> values) {
      const std::uint64_t hash = record_hash(hashed, values.subspan(1));
      if (std::binary_search(wanted_.begin(), wanted_.end(), hash)) {
        names_.with([&](auto& names) {
          names[hash] = name_of_record(shown, values.subspan(1), values[0]);
        });
      }
      return Result<void>();
    };
    all.push_back({stored_name(rows, one.table.name_space, one.table.name), columns, look});
  }
  return all;
}

std::map<std::uint64_t, std::string> SystemReplay::names() const {
  return names_.with([](const auto& names) { return names; });
}

}  // namespace stillpoint::layer::scalardb
