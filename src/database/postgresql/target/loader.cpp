// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/loader.h"

#include <algorithm>
#include <thread>

#include "base/limits.h"
#include "base/text.h"
#include "database/postgresql/target/archive.h"
#include "database/postgresql/target/post_data.h"
#include "database/postgresql/target/staged_check.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view archive_path = "schema/schema.dump";
constexpr std::string_view large_objects_path = "data/large_objects.dump";
constexpr const char* pre_data_step = "pre-data";
constexpr std::uint64_t schema_bytes_max = limits::GiB;
// To truncate a table, which FREEZE needs, takes as long as to fill it with a megabyte.
constexpr std::uint64_t freeze_bytes_min = 16 * limits::MiB;

unsigned writers_of(const RestoreOptions& options) {
  constexpr unsigned few = 2;
  constexpr unsigned many = 8;
  if (options.writers != 0) return options.writers;
  return std::clamp(std::thread::hardware_concurrency(), few, many);
}

// "data/public/accounts" of "data/public/accounts/0000".
std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
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

// The large objects come out of an archive, which pg_restore reads.
class LargeObjectsPart : public Target::StagedPart {
 public:
  LargeObjectsPart(Staging& staging, std::unique_ptr<Target::StagedPart> archive)
      : staging_(staging), archive_(std::move(archive)) {}
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    return archive_->write(offset, bytes);
  }
  Result<void> finish() override {
    TRY_DURING("restore the large objects", archive_->finish());
    Staging::Loan session = TRY(staging_.borrow({}));
    const std::string step(large_objects_path);
    TRY(staging_.note(*session, step));
    staging_.confirm(step);
    session.give_back();
    return {};
  }

 private:
  Staging& staging_;
  std::unique_ptr<Target::StagedPart> archive_;
};

Loader::Loader(const Content& content, const RestoreOptions& options)
    : content_(content), options_(options), writers_(writers_of(options)) {
  for (const std::string& path : content_.paths) {
    if (is_read_by_restore(path)) ++schema_parts_expected_;
    if (data_path_of(path)) ++parts_of_table_[folder_of(path)];
  }
}

void Loader::resume(const Staging& staging) {
  for (const auto& [step, receipt] : staging.all_done()) staged_before_.insert(step);
}

void Loader::only(std::map<std::string, QualifiedName> tables) {
  only_ = std::move(tables);
  --schema_parts_expected_;  // the archive is not needed
}

bool Loader::wants(const std::string& path) const {
  if (is_schema(path)) return is_read_by_restore(path) && !(only_ && path == archive_path);
  if (only_ && !only_->contains(folder_of(path))) return false;
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
  if (path == large_objects_path) {
    ArchiveOptions archive;
    archive.arguments = {"--section=data", "--single-transaction"};
    if (options_.no_owner) archive.arguments.insert(archive.arguments.end(), {"--no-owner"});
    return std::make_unique<LargeObjectsPart>(
        *staging_, TRY(stream_large_objects(staging_->control(), archive, stop)));
  }
  const CopyTable table = TRY(table_of(path, bytes));
  return copy_in(*staging_, table, path, bytes, stop);
}

Result<CopyTable> Loader::table_of(const std::string& path, std::uint64_t bytes) const {
  const auto place = data_path_of(path);
  if (!place) {
    return fail(Errc::unsupported, "a PostgreSQL database has no part {}", base::printable(path));
  }
  const BackupTable* table = schema_.find(place->schema, place->name);
  if (table == nullptr) {
    return fail(Errc::corrupt, "schema/tables.json does not know the table of {}", path);
  }
  const auto parts = parts_of_table_.find(folder_of(path));
  const bool alone = parts != parts_of_table_.end() && parts->second == 1;
  const bool through = table->through && !only_;
  const bool freeze = alone && !table->of_extension && !through && bytes >= freeze_bytes_min;
  CopyTable copy{table->schema, table->name, table->copy_columns, schema_.database.encoding,
                 freeze};
  if (through) {
    copy.schema = table->through->schema;
    copy.name = table->through->name;
  }
  if (only_) {
    const QualifiedName& staged = only_->at(folder_of(path));
    copy.schema = staged.schema;
    copy.name = staged.name;
  }
  return copy;
}

Result<void> Loader::take_schema(const std::string& path, std::string text,
                                 const std::stop_token& stop) {
  schema_parts_[path] = std::move(text);
  if (schema_parts_.size() < schema_parts_expected_) return {};
  schema_ = TRY(read_backup_schema(schema_parts_));
  schema_parts_.clear();
  staging_ = TRY(lay_out_(stop));
  return only_ ? Result<void>() : restore_pre_data(stop);
}

Result<void> Loader::check_extensions(const std::stop_token& stop) {
  const std::vector<std::string> names =
      TRY(extensions_in(staging_->control(), schema_.archive, stop));
  for (const std::string& name : names) {
    const auto known = TRY(
        staging_->control().query("SELECT FROM pg_available_extensions WHERE name = $1", {name}));
    if (!known.empty()) continue;
    return fail(Error{
        Errc::unsupported,
        fmt::format("the backup needs the extension {}, which the server lacks",
                    base::printable(name)),
        fmt::format("install it on the server (Debian: a package postgresql-{}-…; those of "
                    "PostgreSQL itself are in its contrib package), and run the same command again",
                    staging_->control().server_version() / 10000)});
  }
  return {};
}

Result<void> Loader::restore_pre_data(const std::stop_token& stop) {
  if (staging_->done(pre_data_step)) return {};
  TRY(check_extensions(stop));
  ArchiveOptions archive;
  archive.arguments = {"--section=pre-data", "--single-transaction"};
  if (options_.no_owner) {
    archive.arguments.insert(archive.arguments.end(), {"--no-owner", "--no-acl"});
  }
  TRY_DURING("make the schema",
             restore_archive(staging_->control(), schema_.archive, archive, stop));
  return staging_->finished(pre_data_step);
}

std::vector<Object> Loader::expected() const {
  std::vector<Object> objects;
  for (const Object& object : content_.objects) {
    const auto name = parse_qualified(object.name);
    if (!only_ || (name && only_->contains(folder_of_table(*name)))) objects.push_back(object);
  }
  return objects;
}

// Partitions that were loaded through their parent may have exchanged rows: they are read as one.
void Loader::add_through(std::vector<TableToRead>& tables, const BackupTable& table,
                         const Object& object, CopyTable copy) const {
  copy.schema = table.through->schema;
  copy.name = table.through->name;
  const std::string name = display_qualified(copy.schema, copy.name);
  const auto known = std::find_if(tables.begin(), tables.end(), [&](const TableToRead& one) {
    return one.partitioned && one.expected.name == name;
  });
  if (known == tables.end()) {
    tables.push_back({object, std::move(copy), true});
    tables.back().expected.name = name;
    return;
  }
  known->expected.add({object.rows, object.checksum});
  // Rows with their values in another order have other checksums.
  if (known->table.columns != copy.columns) known->expected.checksum.reset();
}

std::vector<TableToRead> Loader::tables_to_read() const {
  std::vector<TableToRead> tables;
  const std::vector<Object> objects = expected();
  for (const Object& object : objects) {
    const auto name = parse_qualified(object.name);
    const BackupTable* table = name ? schema_.find(name->schema, name->name) : nullptr;
    if (!object.rows || table == nullptr || !table->has_rows || table->of_extension) continue;
    CopyTable copy{table->schema, table->name, table->copy_columns, schema_.database.encoding,
                   false};
    if (only_) {
      const QualifiedName& staged = only_->at(folder_of_table(*name));
      copy.schema = staged.schema;
      copy.name = staged.name;
    }
    if (table->through && !only_) {
      add_through(tables, *table, object, std::move(copy));
    } else {
      tables.push_back({object, std::move(copy), false});
    }
  }
  return tables;
}

Result<void> Loader::complete(const std::stop_token& stop) {
  if (staging_ == nullptr) return fail(Errc::corrupt, "the backup's schema is not complete");
  return make_post_data(*staging_, schema_, {writers_, options_.no_owner}, stop);
}

Result<void> Loader::verify(const std::stop_token& stop) {
  if (staging_ == nullptr) return fail(Errc::internal, "nothing is staged");
  TRY(check_receipts(*staging_, expected()));
  if (!only_) TRY(check_catalog(*staging_, schema_, content_.objects));
  if (!options_.read_back) return {};
  TRY_DURING("read back", read_back(*staging_, tables_to_read(), writers_, stop));
  return {};
}

}  // namespace stillpoint::database::postgresql
