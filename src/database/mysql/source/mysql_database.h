// SPDX-License-Identifier: Apache-2.0
// Schemas of a MySQL or MariaDB server as the source of a backup. The order is what makes it right:
// a holder session touches every table, so that nobody alters one; then several sessions open the
// same snapshot, and the first of them touches every table, too; then it is listed again what there
// is, and what has come in between.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/mysql/session/server_identity.h"
#include "database/mysql/source/definitions.h"
#include "database/mysql/source/inventory.h"
#include "database/mysql/source/privileges.h"
#include "database/mysql/source/ranges.h"
#include "database/mysql/source/schema_text.h"
#include "database/mysql/source/snapshot.h"
#include "database/mysql/source/table_locks.h"
#include "database/mysql/source/table_reader.h"

namespace stillpoint::database::mysql {

class MysqlDatabase final : public Database {
 public:
  MysqlDatabase(Address address, ReadOptions options)
      : address_(std::move(address)), options_(std::move(options)) {}
  ~MysqlDatabase() override;

  std::string kind() const override { return "mysql"; }
  std::string url() const override;
  Result<void> prepare(std::stop_token stop) override;
  Capabilities capabilities() const override;
  std::vector<Setting> settings() const override { return settings_; }
  std::uint64_t bytes_estimate() const override;
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
    std::string text = {};
    const Table* table = nullptr;  // none: the text
    RowRange range = {};
  };

  Result<void> connect(const std::stop_token& stop);
  Result<void> list_and_touch();
  Result<void> list_and_touch_once();
  Result<void> take_listing();
  Result<void> refuse_unlockable();
  void explain_readers();
  void note_opening(const Opened& opened);
  bool can_mark() const;

  Result<void> list_again();
  Result<bool> snapshot_shows(const Table& table);
  Result<void> compare_definitions();
  void note_what_is_not_carried();
  void add_part(Object& object, std::string path, Source source, std::uint64_t bytes);
  Result<void> add_table(const Table& table, std::vector<Object>& objects);
  Result<Object> schema_object();
  void add_named(std::vector<Object>& objects) const;
  Result<void> one_read(const Table& table);

  Address address_;
  ReadOptions options_;
  ServerIdentity identity_;
  Grants grants_;
  std::vector<Way> ways_;
  std::optional<Connection> holder_;  // has the metadata locks until the snapshot is open
  std::optional<Connection> marks_;   // sees what others do meanwhile
  std::optional<ReadLock> read_lock_;
  std::size_t locked_parts_left_ = 0;  // of tables under it
  std::mutex read_lock_mutex_;
  std::unique_ptr<TableReader> reader_;
  Opened opened_;
  bool confirmed_ = false;
  Inventory inventory_;
  Inventory listed_;  // what the definitions below refer to
  std::vector<Statement> definitions_;
  std::map<std::string, Watch> watches_;  // by the table's name
  std::vector<Object> objects_;
  std::vector<LoadPart> loads_;
  std::map<std::string, Source> sources_;
  std::vector<Setting> settings_;
  std::vector<std::string> warnings_;
  std::vector<std::string> choice_warnings_;
  std::vector<std::string> left_out_;
};

Result<std::unique_ptr<Database>> open_database(const Address& address, const ReadOptions& options);

}  // namespace stillpoint::database::mysql
