// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/staged_check.h"

#include <map>

#include "base/encoding.h"
#include "base/log.h"
#include "base/text.h"
#include "database/sqlite/connection.h"
#include "database/sqlite/inventory.h"

namespace stillpoint::database::sqlite {
namespace {

// "immutable" reads without locks and without files of its own, even in WAL mode. The file is ours
// alone, so that it may be mapped: nobody cuts it while we read. (Not all: it counts as our
// memory.)
Result<Connection> open_immutable(const std::string& path, const std::stop_token& stop) {
  Connection connection =
      TRY(Connection::open("file:" + base::percent_encode(path) + "?immutable=1",
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  TRY(connection.execute("PRAGMA mmap_size=134217728"));
  connection.obey(stop);
  return connection;
}

// "ok", or what is wrong.
Result<std::string> structure_of(const std::string& path, const std::stop_token& stop) {
  Connection strict = TRY(open_immutable(path, stop));
  auto found = strict.text("PRAGMA integrity_check(1)");
  if (found || found.error().code != Errc::internal) return found;
  // It needs collations or functions that only its application has: check what goes without.
  Connection lax = TRY(open_immutable(path, stop));
  lax.allow_unknown_collations();
  auto quick = lax.text("PRAGMA quick_check(1)");
  if (quick || quick.error().code != Errc::internal) return quick;
  log(LogLevel::warning, "{} cannot be checked without its application: {}", path,
      quick.error().message);
  return "ok";
}

bool is_named(const Object& object) {
  return object.kind != "file" && object.kind != "schema";
}

using Inventory = std::map<std::pair<std::string, std::string>, std::optional<std::uint64_t>>;

Inventory inventory_of(const std::vector<Object>& objects) {
  Inventory inventory;
  for (const Object& object : objects) {
    if (is_named(object)) inventory[{object.kind, object.name}] = object.rows;
  }
  return inventory;
}

Result<void> compare(const Inventory& expected, const Inventory& found) {
  for (const auto& [key, rows] : expected) {
    const std::string name = key.first + " " + base::printable(key.second);
    const auto at = found.find(key);
    if (at == found.end()) return fail(Errc::corrupt, "{} is missing", name);
    if (rows && at->second && *rows != *at->second) {
      return fail(Errc::corrupt, "{} has {} rows, the backup says {}", name,
                  base::display_count(*at->second), base::display_count(*rows));
    }
  }
  for (const auto& [key, rows] : found) {
    if (expected.contains(key)) continue;
    return fail(Errc::corrupt, "the backup knows nothing of {} {}", key.first,
                base::printable(key.second));
  }
  return {};
}

Result<void> check_all(const std::string& path, const std::vector<Object>& expected,
                       const std::stop_token& stop) {
  const std::string structure = TRY(structure_of(path, stop));
  if (structure != "ok") {
    return fail(Errc::corrupt, "SQLite's integrity check says: {}", structure);
  }
  Connection connection = TRY(open_immutable(path, stop));
  connection.allow_unknown_collations();
  std::vector<Object> found = TRY(list_objects(connection));
  TRY(count_rows(connection, found, stop));
  return compare(inventory_of(expected), inventory_of(found));
}

}  // namespace

Result<void> check_staged(const std::string& path, const std::vector<Object>& expected,
                          const std::stop_token& stop) {
  Result<void> checked = check_all(path, expected, stop);
  if (!checked && checked.error().code == Errc::corrupt) {
    checked.error().advice = "restore another backup, and run `stillpoint check` on this one";
  }
  return checked;
}

}  // namespace stillpoint::database::sqlite
