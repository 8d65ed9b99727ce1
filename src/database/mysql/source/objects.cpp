// SPDX-License-Identifier: Apache-2.0
// What the parts of a backup are: what there is when the snapshot is open, and where each part's
// bytes come from.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/source/mysql_database.h"
#include "database/mysql/source/selection.h"

namespace stillpoint::database::mysql {
namespace {

std::string folder_of(const Table& table, const std::string& partition) {
  std::string folder =
      "data/" + base::percent_encode(table.schema) + "/" + base::percent_encode(table.name);
  if (!partition.empty()) folder += "/" + base::percent_encode(partition);
  return folder;
}

std::string name_of(const Definition& definition) {
  return definition.kind + " " + definition.shown();
}

}  // namespace

// Whether a table that was not there when the others were touched is in the snapshot.
Result<bool> MysqlDatabase::snapshot_shows(const Table& table) {
  Connection& first = reader_->first();
  const Result<void> read = first.execute("SELECT 1 FROM " + table.quoted() + " LIMIT 1");
  if (read) return true;
  if (first.last_number() == er_table_def_changed) return false;
  return fail(Error(read.error()).during("look at " + table.shown()));
}

// Only now the listing is of a time after the opening: tables may have come since the others were
// touched. The first reader touches all of them, and the holder is needed no more.
Result<void> MysqlDatabase::list_again() {
  std::set<std::pair<std::string, std::string>> known;
  std::vector<const Table*> touched;
  for (const Table& table : inventory_.tables) known.insert({table.schema, table.name});
  TRY(take_listing());
  for (Table& table : inventory_.tables) {
    table.late = !known.contains({table.schema, table.name});
    if (table.chosen && table.has_rows() && !table.late) touched.push_back(&table);
  }
  TRY(touch_tables(reader_->first(), *marks_, touched, base::Deadline(options_.lock_wait)));
  for (Table& table : inventory_.tables) {
    if (!table.chosen || !table.late || !table.has_rows()) continue;
    const bool held = table.transactional() && TRY(snapshot_shows(table));
    if (held) continue;
    table.chosen = false;
    left_out_.push_back(table.shown() + " (made or altered while the snapshot was opened)");
  }
  return holder_->execute("COMMIT");
}

// Definitions are in no snapshot. Where they were the same before and after its opening, they were
// what it needs.
Result<void> MysqlDatabase::compare_definitions() {
  std::vector<Statement> now = TRY(read_definitions(*marks_, inventory_));
  const auto same_thing = [](const Statement& a, const Statement& b) {
    return a.what->kind == b.what->kind && a.what->schema == b.what->schema &&
           a.what->name == b.what->name;
  };
  const auto find = [&](const std::vector<Statement>& in, const Statement& wanted) {
    return std::find_if(in.begin(), in.end(),
                        [&](const Statement& one) { return same_thing(one, wanted); });
  };
  for (const Statement& one : now) {
    const auto before = find(definitions_, one);
    if (before != definitions_.end() && before->same(one)) continue;
    warnings_.push_back("the " + name_of(*one.what) +
                        " was made or changed while the snapshot was opened: the backup has it as "
                        "it was afterwards");
  }
  for (const Statement& one : definitions_) {
    if (find(now, one) != now.end()) continue;
    warnings_.push_back("the " + name_of(*one.what) +
                        " was dropped while the snapshot was opened: it is not in the backup");
  }
  for (const Statement& one : now) {
    if (one.valid) continue;
    warnings_.push_back("the view " + one.what->shown() +
                        " cannot be read now: it may not be possible to make it again");
  }
  definitions_ = std::move(now);
  return {};
}

void MysqlDatabase::note_what_is_not_carried() {
  for (const Table& table : inventory_.tables) {
    if (!table.chosen) continue;
    if (!table.has_rows()) {
      left_out_.push_back("rows of " + table.shown() + " (" + table.engine +
                          ": they are not its own)");
    }
    if (table.versioned) left_out_.push_back("the history of " + table.shown());
  }
}

void MysqlDatabase::add_part(Object& object, std::string path, Source source, std::uint64_t bytes) {
  Part part;
  part.path = path;
  part.layout.bytes_estimate = bytes;
  object.parts.push_back(part);
  sources_[std::move(path)] = std::move(source);
}

// A partitioned table's partitions are objects of their own.
Result<void> MysqlDatabase::add_table(const Table& table, std::vector<Object>& objects) {
  const std::vector<RowRange> ranges =
      TRY_DURING("cut " + table.shown() + " into parts", row_ranges(reader_->first(), table));
  std::string current = "none yet";
  std::size_t number = 0;
  for (const RowRange& range : ranges) {
    if (range.partition != current) {
      Object object;
      object.kind = range.partition.empty() ? "table" : "partition";
      object.name =
          table.shown() + (range.partition.empty() ? "" : "." + display_name(range.partition));
      objects.push_back(std::move(object));
      current = range.partition;
      number = 0;
    }
    std::string path = folder_of(table, range.partition) + fmt::format("/{:04}", number++);
    loads_.push_back({&table, range.partition, path});
    if (!table.transactional()) ++locked_parts_left_;
    add_part(objects.back(), std::move(path), {{}, &table, range}, range.bytes);
  }
  return {};
}

Result<Object> MysqlDatabase::schema_object() {
  Object schema;
  schema.kind = "schema";
  std::vector<std::string> names;
  for (const Schema& one : inventory_.schemas) names.push_back(display_name(one.name));
  schema.name = base::join(names, ", ");
  const std::vector<TableStatement> tables = TRY(read_tables(*marks_, inventory_));
  for (const TableStatement& one : tables) {
    if (!may_have_lost_characters(one.definition.complete)) continue;
    warnings_.push_back("the definition of " + one.table->shown() +
                        " has a ? in a default or in a member of an ENUM or SET: where it stands "
                        "for a character that the server does not print, correct it after a "
                        "restore");
  }
  const auto add = [&](const std::string& name, std::string text) {
    const std::uint64_t bytes = text.size();
    add_part(schema, "schema/" + name, {std::move(text), nullptr, {}}, bytes);
  };
  for (SchemaFile& file :
       schema_files({inventory_, tables, definitions_, loads_, identity_.mariadb})) {
    add(file.name, std::move(file.text));
  }
  if (marks_->location().with_users) {
    add("users.sql", TRY(read_users(*marks_, identity_.mariadb)));
  }
  return schema;
}

// For people: what their definitions in the schema's files are of.
void MysqlDatabase::add_named(std::vector<Object>& objects) const {
  const auto add = [&](const std::string& kind, const std::string& name) {
    Object object;
    object.kind = kind;
    object.name = name;
    objects.push_back(std::move(object));
  };
  for (const Table& table : inventory_.tables) {
    if (!table.chosen) continue;
    if (!table.partitions.empty() && !table.versioned) add("partitioned table", table.shown());
    if (!table.has_rows()) add("table without rows", table.shown());
  }
  for (const Statement& one : definitions_) add(one.what->kind, one.what->shown());
}

Result<std::vector<Object>> MysqlDatabase::objects() {
  if (!objects_.empty()) return objects_;
  TRY(confirm());
  TRY(list_again());
  TRY(compare_definitions());
  note_what_is_not_carried();
  std::vector<Object> objects(1);
  // What others wait for comes first.
  for (const bool waited_for : {true, false}) {
    for (const Table& table : inventory_.tables) {
      if (!table.chosen || !table.has_rows() || table.transactional() == waited_for) continue;
      TRY(add_table(table, objects));
    }
  }
  objects[0] = TRY(schema_object());
  add_named(objects);
  objects_ = objects;
  return objects;
}

}  // namespace stillpoint::database::mysql
