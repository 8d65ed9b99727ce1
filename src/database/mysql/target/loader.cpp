// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/loader.h"

#include <algorithm>
#include <thread>

#include "base/limits.h"
#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::uint64_t schema_bytes_max = limits::GiB;

unsigned writers_of(const RestoreOptions& options) {
  constexpr unsigned few = 2;
  constexpr unsigned many = 8;
  if (options.writers != 0) return options.writers;
  return std::clamp(std::thread::hardware_concurrency(), few, many);
}

bool is_schema(std::string_view path) {
  return path.starts_with("schema/");
}

}  // namespace

// Small enough to be held in memory until all of them are there.
class Loader::SchemaPart : public Target::StagedPart {
 public:
  SchemaPart(Loader& loader, std::string path, std::uint64_t bytes, std::stop_token stop)
      : loader_(loader), path_(std::move(path)), bytes_(bytes), stop_(std::move(stop)) {
    text_.reserve(bytes);
  }
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    if (offset != text_.size()) return fail(Errc::internal, "{}: pieces out of order", path_);
    text_ += base::text_of(bytes);
    return {};
  }
  Result<void> finish() override {
    if (text_.size() != bytes_) {
      return fail(Errc::corrupt, "{} of its {} bytes came", text_.size(), bytes_);
    }
    return loader_.take_schema(path_, std::move(text_), stop_);
  }

 private:
  Loader& loader_;
  const std::string path_;
  const std::uint64_t bytes_;
  const std::stop_token stop_;
  std::string text_;
};

Loader::Loader(const Content& content, const RestoreOptions& options)
    : content_(content), options_(options), writers_(writers_of(options)) {
  for (const std::string& path : content_.paths) {
    if (is_read_by_restore(path)) ++schema_parts_expected_;
  }
}

void Loader::resume(const Staging& staging) {
  for (const auto& [step, receipt] : staging.all_done()) staged_before_.insert(step);
}

std::vector<StagedTable> Loader::all_tables(const Staging& staging) const {
  std::map<std::string, std::uint64_t> rows;
  for (const Object& object : content_.objects) rows[object.name] += object.rows.value_or(0);
  std::vector<StagedTable> all;
  const auto schemas = staging.schemas();
  for (const StoredTable& table : schema_.tables) {
    std::set<std::string> names;
    for (const StoredPart& part : table.parts) names.insert(table.shown(part.partition));
    std::uint64_t count = 0;
    for (const std::string& name : names) count += rows[name];
    StagedTable one;
    one.table = &table;
    one.schema = schemas.at(table.schema);
    one.name = table.name;
    one.indexes_later = indexes_come_later(table, count);
    all.push_back(std::move(one));
  }
  return all;
}

bool Loader::wants(const std::string& path) const {
  if (is_schema(path)) return is_read_by_restore(path);
  const auto in = [&](const std::string& folder) { return path.starts_with(folder + "/"); };
  if (only_ && std::none_of(only_->begin(), only_->end(), in)) return false;
  return !staged_before_.contains(path);
}

Result<std::unique_ptr<Target::StagedPart>> Loader::stage(const std::string& path,
                                                          std::uint64_t bytes,
                                                          const std::stop_token& stop) {
  if (is_schema(path)) {
    if (bytes > schema_bytes_max) return fail(Errc::unsupported, "{} is too large", path);
    return std::make_unique<SchemaPart>(*this, path, bytes, stop);
  }
  if (staging_ == nullptr) return fail(Errc::corrupt, "the backup's schema is not complete");
  const auto found = table_of_part_.find(path);
  if (found == table_of_part_.end()) {
    return fail(Errc::corrupt, "schema/tables.json does not know the table of {}", path);
  }
  const StagedTable& table = *found->second;
  return load_part(
      *staging_, {table.schema, table.name, table.table->load}, path, bytes,
      [this, path](Connection& session) { return part_is_there(path, session); }, stop);
}

void Loader::note_parts() {
  parts_left_.with([&](auto& left) {
    for (StagedTable& one : tables_) {
      for (const StoredPart& part : one.table->parts) {
        table_of_part_[part.path] = &one;
        if (wants(part.path)) ++left[&one];
      }
    }
  });
}

// Who brings a table's last part makes its indexes, while the others load on.
Result<void> Loader::part_is_there(const std::string& path, Connection& session) {
  StagedTable* table = table_of_part_.at(path);
  const bool last = parts_left_.with([&](auto& left) { return --left[table] == 0; });
  if (!last || !table->indexes_later) return {};
  TRY(make_indexes(session, *table));
  table->indexes_later = false;
  return {};
}

Result<void> Loader::take_schema(const std::string& path, std::string text,
                                 const std::stop_token& stop) {
  schema_parts_[path] = std::move(text);
  if (schema_parts_.size() < schema_parts_expected_) return {};
  schema_ = TRY(read_stored_schema(schema_parts_));
  schema_parts_.clear();
  staging_ = TRY(lay_out_(stop));
  if (staging_->done(tables_step)) {
    TRY(empty_unfinished());
    note_parts();
    return {};
  }
  note_parts();
  TRY(make_tables(*staging_, tables_, writers_, stop));
  return staging_->finished(tables_step);
}

// Rows of tables without transactions may be there although their part's note is not.
Result<void> Loader::empty_unfinished() {
  for (const StagedTable& one : tables_) {
    if (one.table->transactional()) continue;
    std::vector<std::string> done;
    for (const StoredPart& part : one.table->parts) {
      if (staging_->done(part.path)) done.push_back(part.path);
    }
    if (done.size() == one.table->parts.size()) continue;
    TRY(staging_->control().execute("TRUNCATE TABLE " + quote_qualified(one.schema, one.name)));
    TRY(staging_->forget(done));
    for (const std::string& path : done) staged_before_.erase(path);
  }
  return {};
}

Result<void> Loader::complete(const std::stop_token& stop) {
  if (staging_ == nullptr) return fail(Errc::corrupt, "the backup's schema is not complete");
  return complete_tables(*staging_, tables_, writers_, stop);
}

Result<void> Loader::verify(const std::stop_token& stop) {
  if (staging_ == nullptr) return fail(Errc::internal, "nothing is staged");
  TRY(check_receipts(*staging_, tables_, content_.objects));
  TRY(check_foreign_keys(*staging_, stop));
  if (!options_.read_back) return {};
  TRY_DURING("read back", read_back(*staging_, tables_, content_.objects, writers_, stop));
  return {};
}

}  // namespace stillpoint::database::mysql
