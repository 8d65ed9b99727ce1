// SPDX-License-Identifier: Apache-2.0
// What the tests of the source share.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/program.h"
#include "base/text.h"
#include "database/mysql/source/mysql_database.h"
#include "database/mysql/testing.h"
#include "database/sqlite/testing.h"
#include "database/testing.h"

namespace stillpoint::database::mysql::testing {

using database::testing::Copy;
using database::testing::copy_of;

using database::testing::said;

inline std::unique_ptr<Database> source_at(const std::string& url,
                                           const ReadOptions& options = {}) {
  auto database = open_database({url, {}, {}}, options);
  EXPECT_EQ(said(database), "ok");
  return std::move(*database);
}

inline std::unique_ptr<Database> opened_at(const std::string& url,
                                           const ReadOptions& options = {}) {
  auto database = source_at(url, options);
  EXPECT_EQ(said(database->prepare({})), "ok");
  EXPECT_EQ(said(database->open(base::Deadline(std::chrono::seconds(10)))), "ok");
  return database;
}

inline std::unique_ptr<Database> opened(const Server& server, const ReadOptions& options = {}) {
  return opened_at(server.url("shop"), options);
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

inline std::string rows_of(const Copy& copy, const std::string& table) {
  std::string all;
  const Object* object = find_object(copy.objects, table);
  EXPECT_EQ(object->name, table);
  for (const Part& part : object->parts) all += copy.parts.at(part.path);
  return all;
}

// Runs mariadb, mariadb-dump … as somebody without Stillpoint would.
inline std::string run(const std::string& command) {
  std::string output;
  const auto ran =
      base::run_program({{"bash", "-c", "set -o pipefail; " + command + " 2>&1"}, {}, {}},
                        [&](ByteView bytes) -> Result<void> {
                          output += base::text_of(bytes);
                          return {};
                        },
                        {});
  EXPECT_TRUE(ran) << ran.error().message << output.substr(0, 4000);
  return output;
}

inline std::string client(const Server& server, const std::string& program) {
  return program + " --no-defaults --socket=" + server.socket() + " --user=root --binary-mode";
}

// Everything that another tool finds in a schema, without what changes each time.
inline std::string dump(const Server& server, const std::string& schema) {
  const std::string text =
      run("mariadb-dump --no-defaults --socket=" + server.socket() +
          " --user=root --skip-lock-tables --routines --triggers --events --hex-blob "
          "--skip-dump-date --order-by-primary "
          "--skip-comments --skip-extended-insert --default-character-set=utf8mb4 '" +
          schema + "'");
  return text;
}

// The first lines that differ; empty where none does.
inline std::string difference(const std::string& a, const std::string& b) {
  if (a == b) return {};
  auto left = base::split(a, '\n');
  auto right = base::split(b, '\n');
  if (is_mysql()) {
    // mariadb-dump puts triggers into the order in which MySQL tells them: that of their making.
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    if (left == right) return {};
  }
  std::size_t at = 0;
  while (at < std::min(left.size(), right.size()) && left[at] == right[at]) ++at;
  const auto line = [&](const auto& lines) { return at < lines.size() ? lines[at] : "(the end)"; };
  return line(left).substr(0, 1000) + "\n" + line(right).substr(0, 1000);
}

// The steps of the page for people.
inline void restore_by_hand(const Server& server, const Copy& copy) {
  const sqlite::testing::Folder folder;
  for (const auto& [path, bytes] : copy.parts) {
    const std::filesystem::path file = std::filesystem::path(folder.path()) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
  }
  for (const char* name : {"databases", "sequences", "tables", "load", "routines", "views",
                           "triggers", "events", "users"}) {
    const std::string script = "schema/" + std::string(name) + ".sql";
    if (!copy.parts.contains(script)) continue;
    const std::string output = run("cd " + folder.path() + " && " + client(server, "mariadb") +
                                   " --local-infile=1 --show-warnings < " + script);
    // MySQL warns of all kinds of types that it is going to drop.
    for (const std::string& line : base::split(output, '\n')) {
      const auto has = [&](const char* text) { return line.find(text) != std::string::npos; };
      // … and of what it cannot show in information_schema (1300).
      const bool meant = has("deprecated") || has("Code 1300");
      EXPECT_TRUE(!has("Warning") || meant) << script << line;
    }
  }
}

inline void feed(const Server& server, const std::string& script, const std::string& schema) {
  const sqlite::testing::Folder folder;
  std::ofstream(folder.path() + "/script.sql") << script;
  run("(echo 'SET NAMES utf8mb4; USE " + schema + ";'; cat " + folder.path() + "/script.sql) | " +
      client(server, "mariadb"));
}

}  // namespace stillpoint::database::mysql::testing
