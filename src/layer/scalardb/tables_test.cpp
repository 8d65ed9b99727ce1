// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/tables.h"

#include <gtest/gtest.h>

#include "database/sqlite/testing.h"

namespace stillpoint::layer::scalardb {
namespace {

using database::Values;
using database::sqlite::SqliteDatabase;
using database::sqlite::testing::Client;
using database::sqlite::testing::Folder;
using Names = std::vector<std::string>;

struct Metadata {
  std::vector<Values> rows;
  int position = 0;
  void add(const std::string& table, const std::string& column,
           const std::optional<std::string>& key = {}) {
    rows.push_back({table, column, key, std::to_string(++position)});
  }
  void add_transactional(const std::string& table) {
    for (const std::string before : {"", "before_"}) {
      for (const char* name :
           {"tx_id", "tx_state", "tx_version", "tx_prepared_at", "tx_committed_at"}) {
        add(table, before + name);
      }
    }
  }
};

const Table* find(const std::vector<Table>& tables, const std::string& name) {
  for (const Table& table : tables) {
    if (table.name_space + "." + table.name == name) return &table;
  }
  return nullptr;
}

TEST(Tables, AreKnownByTheirColumns) {
  Metadata metadata;
  metadata.add("coordinator.state", "tx_id", "PARTITION");
  for (const char* name : {"tx_state", "tx_created_at"}) metadata.add("coordinator.state", name);
  metadata.add("groups.state", "tx_id", "PARTITION");
  for (const char* name : {"tx_child_ids", "tx_state", "tx_created_at"}) {
    metadata.add("groups.state", name);
  }
  metadata.add("bank.accounts", "id", "PARTITION");
  metadata.add("bank.accounts", "balance");
  metadata.add_transactional("bank.accounts");
  metadata.add("bank.state", "tx_created_at", "PARTITION");  // a user's own
  metadata.add_transactional("bank.state");
  metadata.add("bank.plain", "id", "PARTITION");
  const auto tables = tables_of(metadata.rows);
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_EQ(tables->size(), 5U);
  const struct {
    const char* name;
    bool coordinator;
    bool group_commit;
    bool transactional;
  } expected[] = {{"coordinator.state", true, false, false},
                  {"groups.state", true, true, false},
                  {"bank.accounts", false, false, true},
                  {"bank.state", false, false, true},
                  {"bank.plain", false, false, false}};
  for (const auto& [name, coordinator, group_commit, transactional] : expected) {
    const Table* table = find(*tables, name);
    ASSERT_NE(table, nullptr) << name;
    EXPECT_EQ(table->coordinator, coordinator) << name;
    EXPECT_EQ(table->group_commit, group_commit) << name;
    EXPECT_EQ(table->transactional, transactional) << name;
  }
}

TEST(Tables, TheirKeysAreInOrder) {
  const std::vector<Values> rows = {{"n.t", "c_first", "CLUSTERING", "9"},
                                    {"n.t", "c", "CLUSTERING", "10"},
                                    {"n.t", "p", "PARTITION", "11"},
                                    {"n.t", "p_first", "PARTITION", "2"},
                                    {"n.t", "v", std::nullopt, "1"}};
  EXPECT_EQ(tables_of(rows)->at(0).keys, (Names{"p_first", "p", "c_first", "c"}));
}

TEST(Tables, WhatScalarDbDoesNotWriteIsRefused) {
  for (const char* name : {"", "table", ".table", "namespace."}) {
    EXPECT_EQ(tables_of({{name, "c", "PARTITION", "1"}}).error().code, Errc::corrupt) << name;
  }
  EXPECT_EQ(tables_of({{std::nullopt, "c", "PARTITION", "1"}}).error().code, Errc::corrupt);
  EXPECT_TRUE(tables_of({{"n.t", std::nullopt, std::nullopt, "x"}}));
}

TEST(Tables, AreReadFromTheMetadata) {
  const Folder folder;
  Client(folder / "bank.db")
      .run(
          "CREATE TABLE \"meta$metadata\"(full_table_name TEXT, column_name TEXT, data_type TEXT, "
          "key_type TEXT, clustering_order TEXT, indexed BOOLEAN, ordinal_position INTEGER);"
          "INSERT INTO \"meta$metadata\" VALUES('bank.accounts', 'id', 'INT', 'PARTITION', NULL, 0,"
          " 1), ('bank.accounts', 'tx_id', 'TEXT', NULL, NULL, 0, 2)");
  SqliteDatabase database(folder / "bank.db");
  ASSERT_TRUE(database.prepare({}));
  const auto tables = read_tables(database, "meta");
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_EQ(tables->size(), 1U);
  EXPECT_EQ(tables->at(0).name_space, "bank");
  EXPECT_EQ(tables->at(0).keys, (Names{"id"}));
  EXPECT_EQ(stored_name(database, "bank", "accounts"), "bank$accounts");
  EXPECT_EQ(read_tables(database, "scalardb").error().code, Errc::not_found);
}

}  // namespace
}  // namespace stillpoint::layer::scalardb
