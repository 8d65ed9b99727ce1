// SPDX-License-Identifier: Apache-2.0
// What the tests of the source share.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "database/postgresql/source/postgresql_database.h"
#include "database/postgresql/testing.h"
#include "database/testing.h"

namespace stillpoint::database::postgresql::testing {

using database::testing::said;

inline std::unique_ptr<Database> source_of(const Server& server, ReadOptions options = {},
                                           const std::string& name = "postgres") {
  auto database = open_database(server.address(name), options);
  EXPECT_EQ(said(database), "ok");
  return std::move(*database);
}

inline std::unique_ptr<Database> opened(const Server& server, const ReadOptions& options = {},
                                        const std::string& name = "postgres") {
  auto database = source_of(server, options, name);
  EXPECT_EQ(said(database->prepare({})), "ok");
  EXPECT_EQ(said(database->open(base::Deadline(std::chrono::seconds(10)))), "ok");
  return database;
}

// One without parts and rows where there is none such.
inline const Object* find_object(const std::vector<Object>& objects, const std::string& name) {
  static const Object none{"none", "none", 4711, 4711, {}};
  for (const Object& object : objects) {
    if (object.name == name) return &object;
  }
  return &none;
}

inline std::vector<std::string> names_of(const std::vector<Object>& objects,
                                         const std::string& kind) {
  std::vector<std::string> names;
  for (const Object& object : objects) {
    if (object.kind == kind) names.push_back(object.name);
  }
  return names;
}

inline std::string prepared(Database& database) {
  return said(database.prepare({}));
}

inline std::string open_now(Database& database) {
  return said(database.open(base::Deadline(std::chrono::seconds(10))));
}

// The rows of one table, read now; "code: message" where that fails.
inline std::string read_table(Database& database, const std::string& table) {
  const auto objects = database.objects();
  if (!objects) return said(objects);
  std::string rows;
  for (const Part& part : find_object(*objects, table)->parts) {
    database::testing::MemorySink sink;
    const auto receipt = database.read(part, sink, {});
    if (!receipt) return said(receipt);
    rows += sink.joined();
  }
  return rows;
}

// Until the server says 't' to a question.
inline bool wait_until(const Server& server, const std::string& sql,
                       const std::string& database = "postgres") {
  for (const base::Deadline deadline(std::chrono::seconds(20)); !deadline.passed();) {
    if (server.value(sql, database) == "t") return true;
  }
  return false;
}

}  // namespace stillpoint::database::postgresql::testing
