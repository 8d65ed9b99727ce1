// SPDX-License-Identifier: Apache-2.0
// What the parts of a backup are: the snapshot's inventory, and where each part's bytes come from.
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"
#include "database/postgresql/source/load_script.h"
#include "database/postgresql/source/postgresql_database.h"
#include "database/postgresql/source/schema_json.h"
#include "database/postgresql/source/selection.h"
#include "database/postgresql/source/table_locks.h"

namespace stillpoint::database::postgresql {
namespace {

const std::string large_objects_path = "data/large_objects.dump";

std::string folder_of(const Table& table) {
  return "data/" + base::percent_encode(table.schema) + "/" + base::percent_encode(table.name);
}

}  // namespace

// Only now is it known what the snapshot shows: tables may have come since we listed and locked.
Result<void> PostgresqlDatabase::list_from_snapshot() {
  const std::set<Oid> locked = TRY(locked_tables(*holder_));
  inventory_ = TRY(take_inventory(*holder_));
  choice_warnings_ = TRY(apply_choice(inventory_, options_.choice));
  std::vector<const Table*> late;
  for (const Table& table : inventory_.tables) {
    if (table.chosen && !locked.contains(table.oid)) late.push_back(&table);
  }
  TRY(lock_late(*holder_, *marks_, late));
  return measure_tables(*holder_, inventory_);
}

bool PostgresqlDatabase::with_large_objects() const {
  return inventory_.large_objects && options_.choice.tables.empty();
}

bool PostgresqlDatabase::readable(const Table& table) const {
  return table.rows_chosen && !table.partitioned && !(table.unlogged && identity_.standby);
}

// What was not chosen is left out of the schema, too.
std::vector<std::string> PostgresqlDatabase::dump_arguments() const {
  std::vector<std::string> arguments = {
      "--snapshot=" + snapshot_, "--encoding=" + holder_->server_encoding(),
      fmt::format("--lock-wait-timeout={}",
                  std::chrono::ceil<std::chrono::milliseconds>(options_.lock_wait).count())};
  if (!with_large_objects()) arguments.emplace_back("--no-blobs");
  const auto leave_out = [&](const auto& all) {
    for (const auto& one : all) {
      if (one.chosen) continue;
      arguments.push_back("--exclude-table=" + quote_qualified(one.schema, one.name));
    }
  };
  leave_out(inventory_.tables);
  leave_out(inventory_.sequences);
  leave_out(inventory_.definitions);
  return arguments;
}

void PostgresqlDatabase::add_part(Object& object, std::string path, Source source,
                                  std::uint64_t bytes) {
  Part part;
  part.path = path;
  part.layout.bytes_estimate = bytes;
  object.parts.push_back(part);
  sources_[std::move(path)] = std::move(source);
}

Result<Object> PostgresqlDatabase::schema_object() {
  Object schema;
  schema.kind = "schema";
  schema.name = identity_.database;
  const auto add = [&](const std::string& name, Source::What what, std::string text = {}) {
    const std::uint64_t bytes = text.size();
    add_part(schema, "schema/" + name, {what, std::move(text), nullptr, {}}, bytes);
  };
  const std::vector<SequenceValue> sequences = TRY(read_sequences(*holder_, inventory_));
  add("database.json", Source::What::text, TRY(database_json(*holder_)));
  add("tables.json", Source::What::text, TRY(tables_json(*holder_, inventory_)));
  add("sequences.json", Source::What::text, sequences_json(sequences));
  if (!roles_.empty()) add("roles.sql", Source::What::text, roles_);
  if (!tablespaces_.empty()) add("tablespaces.sql", Source::What::text, tablespaces_);
  std::vector<LoadPart> loads;
  for (const auto& [path, source] : sources_) {
    if (source.what != Source::What::rows) continue;
    loads.push_back({source.table, &inventory_.load_through(*source.table), path});
  }
  add("load.sql", Source::What::text,
      load_script(loads, sequences, holder_->server_encoding(), with_large_objects()));
  add("schema.dump", Source::What::archive);
  add("pre-data.sql", Source::What::pre_data);
  add("post-data.sql", Source::What::post_data);
  return schema;
}

Result<void> PostgresqlDatabase::add_tables(std::vector<Object>& objects) {
  for (const Table& table : inventory_.tables) {
    if (!table.chosen || table.partitioned) continue;
    if (!readable(table)) {
      if (table.rows_chosen)
        left_out_.push_back(table.shown() + " (a standby has no rows of an unlogged table)");
      continue;
    }
    Object object;
    object.kind = table.partition ? "partition" : "table";
    object.name = table.shown();
    const std::vector<PageRange> ranges = page_ranges(table, identity_.version);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const std::uint64_t pages = ranges[i].end.value_or(table.pages) - ranges[i].first;
      add_part(object, folder_of(table) + fmt::format("/{:04}", i),
               {Source::What::rows, {}, &table, ranges[i]},
               table.pages == 0 ? 0 : table.bytes / table.pages * pages);
    }
    objects.push_back(std::move(object));
  }
  if (!with_large_objects()) return {};
  const auto next = sources_.lower_bound(large_objects_path + "/");
  if (next != sources_.end() && next->first.starts_with(large_objects_path + "/")) {
    return fail(Error{Errc::unsupported, "a schema has the name large_objects.dump",
                      "rename it: the large objects are stored under that name"});
  }
  Object large;
  large.kind = "large objects";
  large.name = "large objects";
  add_part(large, large_objects_path, {Source::What::large_objects, {}, nullptr, {}}, 0);
  objects.push_back(std::move(large));
  return {};
}

// For people: what their definitions in the schema's files are of.
void PostgresqlDatabase::add_named(std::vector<Object>& objects) const {
  const auto add = [&](const std::string& kind, const std::string& name) {
    Object object;
    object.kind = kind;
    object.name = name;
    objects.push_back(std::move(object));
  };
  for (const Table& table : inventory_.tables) {
    if (table.chosen && table.partitioned) add("partitioned table", table.shown());
  }
  for (const Sequence& sequence : inventory_.sequences) {
    if (sequence.chosen) add("sequence", sequence.shown());
  }
  for (const Definition& definition : inventory_.definitions) {
    if (definition.chosen) add(definition.kind, definition.shown());
  }
}

Result<std::vector<Object>> PostgresqlDatabase::objects() {
  if (!objects_.empty()) return objects_;
  TRY(confirm());
  TRY(list_from_snapshot());
  if (options_.rows_only) {
    TRY(add_tables(objects_));
    return objects_;
  }
  schema_ = std::make_unique<SchemaDump>();
  schema_->start(tools_, target_, dump_arguments());
  std::vector<Object> objects(1);
  TRY(add_tables(objects));
  objects[0] = TRY(schema_object());
  add_named(objects);
  objects_ = objects;
  return objects;
}

}  // namespace stillpoint::database::postgresql
