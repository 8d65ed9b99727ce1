// SPDX-License-Identifier: Apache-2.0
// Takes the parts of a backup and fills staged tables with them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "database/mysql/target/definition_maker.h"
#include "database/mysql/target/load_part.h"
#include "database/mysql/target/staged_tables.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/stored_schema.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

class Loader {
 public:
  Loader(const Content& content, const RestoreOptions& options);

  unsigned writers() const { return writers_; }
  const Content& content() const { return content_; }
  const StoredSchema& schema() const { return schema_; }
  std::vector<StagedTable>& tables() { return tables_; }
  // Where to stage: called when the backup's schema is known. It sets tables().
  using LayOut = std::function<Result<Staging*>(const std::stop_token& stop)>;
  void lay_out_by(LayOut lay_out) { lay_out_ = std::move(lay_out); }
  // The tables that are wanted, by the folders of their parts ("data/shop/orders"); else all.
  void only(std::set<std::string> folders) { only_ = std::move(folders); }
  // What is staged already is not wanted again.
  void resume(const Staging& staging);
  // All tables of the backup, in the schemas of this staging.
  std::vector<StagedTable> all_tables(const Staging& staging) const;

  bool wants(const std::string& path) const;
  Result<std::unique_ptr<Target::StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                                    const std::stop_token& stop);
  Result<void> complete(const std::stop_token& stop);
  Result<void> verify(const std::stop_token& stop);

 private:
  class SchemaPart;
  Result<void> take_schema(const std::string& path, std::string text, const std::stop_token& stop);
  Result<void> empty_unfinished();
  void note_parts();
  Result<void> part_is_there(const std::string& path, Connection& session);

  const Content content_;
  const RestoreOptions options_;
  const unsigned writers_;
  LayOut lay_out_;
  std::map<std::string, std::string> schema_parts_;
  std::size_t schema_parts_expected_ = 0;
  std::set<std::string> staged_before_;
  std::optional<std::set<std::string>> only_;
  StoredSchema schema_;
  std::vector<StagedTable> tables_;
  std::map<std::string, StagedTable*> table_of_part_;
  base::Guarded<std::map<const StagedTable*, std::size_t>> parts_left_;
  Staging* staging_ = nullptr;
};

inline constexpr const char* tables_step = "tables";

}  // namespace stillpoint::database::mysql
