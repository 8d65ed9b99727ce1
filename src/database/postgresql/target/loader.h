// SPDX-License-Identifier: Apache-2.0
// Takes the parts of a backup and fills a staged database with them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "database/postgresql/target/backup_schema.h"
#include "database/postgresql/target/copy_in.h"
#include "database/postgresql/target/staged_check.h"
#include "database/postgresql/target/staging.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

class Loader {
 public:
  Loader(const Content& content, const RestoreOptions& options);

  unsigned writers() const { return writers_; }
  const Content& content() const { return content_; }
  const BackupSchema& schema() const { return schema_; }
  // The database to fill: called when all parts below "schema/" are there. It may be one that a
  // dead restore has filled in part.
  using LayOut = std::function<Result<Staging*>(const std::stop_token& stop)>;
  void lay_out_by(LayOut lay_out) { lay_out_ = std::move(lay_out); }
  // Of the whole backup only these tables, by their folders ("data/public/accounts"), each under
  // the name that it is staged by. lay_out makes them, and nothing else of the schema is restored.
  void only(std::map<std::string, QualifiedName> tables);
  // What is staged already, and is not wanted again.
  void resume(const Staging& staging);

  bool wants(const std::string& path) const;
  Result<std::unique_ptr<Target::StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                                    const std::stop_token& stop);
  Result<void> complete(const std::stop_token& stop);
  Result<void> verify(const std::stop_token& stop);

 private:
  class SchemaPart;
  Result<void> take_schema(const std::string& path, std::string text, const std::stop_token& stop);
  Result<void> restore_pre_data(const std::stop_token& stop);
  Result<void> check_extensions(const std::stop_token& stop);
  Result<CopyTable> table_of(const std::string& path, std::uint64_t bytes) const;
  std::vector<TableToRead> tables_to_read() const;
  void add_through(std::vector<TableToRead>& tables, const BackupTable& table, const Object& object,
                   CopyTable copy) const;
  std::vector<Object> expected() const;

  const Content content_;
  const RestoreOptions options_;
  const unsigned writers_;
  LayOut lay_out_;
  std::map<std::string, std::string> schema_parts_;
  std::size_t schema_parts_expected_ = 0;
  std::map<std::string, unsigned> parts_of_table_;  // "data/public/accounts" → how many
  std::set<std::string> staged_before_;
  std::optional<std::map<std::string, QualifiedName>> only_;
  BackupSchema schema_;
  Staging* staging_ = nullptr;
};

}  // namespace stillpoint::database::postgresql
