// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL database as the source of a backup. The order is what makes it right: a holder
// session locks every table (which takes no snapshot), then opens the snapshot and exports it, then
// lists again what that snapshot shows; other sessions import it and read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/session/client_tools.h"
#include "database/postgresql/session/server_identity.h"
#include "database/postgresql/source/inventory.h"
#include "database/postgresql/source/ranges.h"
#include "database/postgresql/source/schema_dump.h"
#include "database/postgresql/source/table_reader.h"

namespace stillpoint::database::postgresql {

class PostgresqlDatabase final : public Database {
 public:
  PostgresqlDatabase(Address address, ReadOptions options)
      : address_(std::move(address)), options_(std::move(options)) {}
  ~PostgresqlDatabase() override;

  std::string kind() const override { return "postgresql"; }
  std::string url() const override;
  Result<void> prepare(std::stop_token stop) override;
  Capabilities capabilities() const override;
  std::vector<Setting> settings() const override { return settings_; }
  std::uint64_t bytes_estimate() const override { return bytes_; }
  std::vector<std::string> warnings() const override;
  std::vector<std::string> left_out() const override { return left_out_; }
  Result<std::string> write_mark() override;
  Result<std::unique_ptr<Hold>> prepare_hold(const std::vector<std::string>& tables,
                                             base::Duration hold_max) override;
  std::string table_name(const std::string& schema, const std::string& table) const override {
    return display_qualified(schema, table);
  }
  Result<std::vector<Values>> look_up(const std::string& table,
                                      const std::vector<std::string>& columns,
                                      std::size_t rows_max) override;
  Result<void> watch(std::vector<Watch> watches) override;
  Result<void> open(base::Deadline deadline) override;
  Result<void> confirm() override;
  Result<RestorePoint> point(const Window& window) override;
  Result<std::vector<Object>> objects() override;
  Result<Receipt> read(const Part& part, Sink& sink, std::stop_token stop) override;
  Result<void> count(std::vector<Object>& objects, std::stop_token stop) override;

 private:
  // Where the bytes of a part come from.
  struct Source {
    enum class What { text, archive, pre_data, post_data, rows, large_objects };
    What what = What::text;
    std::string text = {};
    const Table* table = nullptr;
    PageRange range = {};
  };

  Result<void> connect(const std::stop_token& stop);
  Result<void> find_programs(const std::stop_token& stop);
  Result<void> list_and_lock();
  Result<void> list_and_lock_once();
  Result<void> list_from_snapshot();
  std::vector<std::string> dump_arguments() const;
  bool with_large_objects() const;
  bool readable(const Table& table) const;
  void add_part(Object& object, std::string path, Source source, std::uint64_t bytes);
  Result<Object> schema_object();
  Result<void> add_tables(std::vector<Object>& objects);
  void add_named(std::vector<Object>& objects) const;
  const Watch* watch_of(const std::string& table) const;
  Result<Receipt> read_large_objects(Sink& sink, std::stop_token stop);

  Address address_;
  ReadOptions options_;
  ServerIdentity identity_;
  ClientTools tools_;
  ToolTarget target_;
  std::optional<Connection> holder_;  // has the locks and the snapshot
  std::optional<Connection> marks_;   // sees what others do meanwhile
  std::unique_ptr<TableReader> reader_;
  std::unique_ptr<SchemaDump> schema_;
  Inventory inventory_;
  std::uint64_t bytes_ = 0;  // of all there is: what was chosen is measured under the snapshot
  std::string roles_;
  std::string tablespaces_;
  std::string snapshot_;  // its exported name
  std::string position_;
  std::map<std::string, Watch> watches_;  // by the table's name
  std::vector<Object> objects_;
  std::map<std::string, Source> sources_;
  std::vector<Setting> settings_;
  std::vector<std::string> warnings_;
  std::vector<std::string> choice_warnings_;
  std::vector<std::string> left_out_;
};

Result<std::unique_ptr<Database>> open_database(const Address& address, const ReadOptions& options);

}  // namespace stillpoint::database::postgresql
