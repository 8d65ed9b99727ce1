// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/table_target.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "database/postgresql/target/leftovers.h"
#include "database/postgresql/target/target_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using database::testing::Child;
using database::testing::Copy;
using database::testing::restore;
using database::testing::stage_all;
using testing::back_up;
using testing::dump;

constexpr const char* tables = R"(
CREATE SCHEMA money;
CREATE TABLE money.owners (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE money.accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number serial,
  owner integer REFERENCES money.owners,
  parent bigint REFERENCES money.accounts,
  balance numeric(12,2) DEFAULT 0 CONSTRAINT not_poor CHECK (balance > -1000),
  doubled numeric GENERATED ALWAYS AS (balance * 2) STORED,
  note varchar(100) COLLATE "C" DEFAULT 'none''s') WITH (fillfactor=70);
CREATE INDEX by_note ON money.accounts (lower(note)) WHERE balance > 0;
CREATE UNIQUE INDEX accounts_number ON money.accounts (number);
COMMENT ON TABLE money.accounts IS 'who has what';
COMMENT ON COLUMN money.accounts.note IS 'a note';
COMMENT ON INDEX money.by_note IS 'for searching';
ALTER TABLE money.accounts ALTER note SET STATISTICS 77;
GRANT SELECT, INSERT ON money.accounts TO teller;
GRANT UPDATE (note) ON money.accounts TO teller WITH GRANT OPTION;
INSERT INTO money.owners (name) SELECT 'owner ' || i FROM generate_series(1, 100) i;
INSERT INTO money.accounts (owner, parent, balance, note)
  SELECT 1 + i % 100, NULLIF(i - 1, 0), i, repeat('n', i % 90) FROM generate_series(1, 5000) i;
CREATE TABLE money.moves (at date NOT NULL, what text, PRIMARY KEY (at, what))
  PARTITION BY RANGE (at);
CREATE TABLE money.moves_2025 PARTITION OF money.moves
  FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE money.moves_2026 PARTITION OF money.moves
  FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO money.moves SELECT '2025-06-01'::date + i % 365, 'move ' || i
  FROM generate_series(1, 3000) i;
)";

class TableTargetTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shared().reset(new testing::Server()); }
  static void TearDownTestSuite() { shared().reset(); }
  static std::unique_ptr<testing::Server>& shared() {
    static std::unique_ptr<testing::Server> server;
    return server;
  }
  void SetUp() override {
    server_.run("DROP DATABASE IF EXISTS bank");
    server_.run("DROP ROLE IF EXISTS teller; CREATE ROLE teller");
    server_.run("CREATE DATABASE bank");
    server_.run(tables, "bank");
    copy_ = back_up(server_, "bank");
  }
  Result<std::string> put_back(std::vector<TableChoice> choices, bool read_back = false) const {
    RestoreOptions options;
    options.tables = std::move(choices);
    options.read_back = read_back;
    TableTarget place(server_.address("bank"), options);
    return restore(place, copy_);
  }
  std::string value(const std::string& sql) const { return server_.value(sql, "bank"); }
  // The table alone, as SQL, under the name "TABLE".
  std::multiset<std::string> described(const std::string& schema, const std::string& name) const {
    std::string text = dump(server_, "bank", {"--table=" + schema + "." + name});
    for (const std::string& word : {name, schema}) {
      for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
        text.replace(at, word.size(), word == name ? "TABLE" : "SCHEMA");
      }
    }
    std::multiset<std::string> lines;
    for (const std::string& line : base::split(text, '\n')) {
      if (!line.starts_with("-- Name:")) lines.insert(line);
    }
    return lines;
  }
  std::string digest(const std::string& table) const {
    return value("SELECT count(*) || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM " + table +
                 " t");
  }
  static void expect_same(const std::multiset<std::string>& a,
                          const std::multiset<std::string>& b) {
    EXPECT_EQ(base::join({a.begin(), a.end()}, "\n"), base::join({b.begin(), b.end()}, "\n"));
  }
  testing::Server& server_ = *shared();
  Copy copy_;
};

TEST_F(TableTargetTest, PutsADroppedTableBack) {
  const auto before = described("money", "accounts");
  server_.run("DROP TABLE money.accounts", "bank");
  const auto done = put_back({{"money.accounts", ""}}, true);
  ASSERT_TRUE(done) << done.error().message;
  expect_same(described("money", "accounts"), before);
  EXPECT_EQ(value("INSERT INTO money.accounts (owner) VALUES (1) RETURNING id || ',' || number"),
            "5001,5001");
  EXPECT_EQ(value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'stillpoint%'"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0");
  EXPECT_TRUE(leftovers(server_.address("bank")).value().empty());
}

TEST_F(TableTargetTest, PutsATableBesideItselfUnderAnotherName) {
  const auto before = described("money", "accounts");
  const std::string old = digest("money.accounts");
  server_.run("DELETE FROM money.accounts WHERE id > 4000", "bank");
  server_.run("CREATE SCHEMA \"Old Things\"", "bank");
  const auto done = put_back(
      {{"money.accounts", "\"Old Things\".\"Acc.ounts\""}, {"money.owners", "money.people"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(digest("\"Old Things\".\"Acc.ounts\""), old);
  EXPECT_EQ(value("SELECT count(*) FROM money.accounts"), "4000");
  EXPECT_EQ(value("INSERT INTO \"Old Things\".\"Acc.ounts\" (owner) VALUES (1)"
                  " RETURNING id || ',' || number"),
            "5001,5001");
  EXPECT_EQ(value("SELECT last_value FROM money.accounts_number_seq"), "5000");
  EXPECT_EQ(value("INSERT INTO money.people (name) VALUES ('new') RETURNING id"), "101");
  // Its references are to what was restored with it, not to what it was made of.
  EXPECT_EQ(
      value("SELECT string_agg(confrelid::regclass::text, ' ' ORDER BY conname) FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid = '\"Old Things\".\"Acc.ounts\"'::regclass"),
      "money.people \"Old Things\".\"Acc.ounts\"");
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE indrelid ="
                  " '\"Old Things\".\"Acc.ounts\"'::regclass"),
            "3");
  EXPECT_EQ(value("SELECT has_column_privilege('teller', '\"Old Things\".\"Acc.ounts\"', 'note',"
                  " 'UPDATE')"),
            "t");
}

TEST_F(TableTargetTest, RefusesNamesThatAreTakenOrUnknown) {
  const auto taken = put_back({{"money.accounts", ""}});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::already_exists);
  EXPECT_NE(taken.error().advice.find("--table money.accounts=money.accounts_restored"),
            std::string::npos)
      << taken.error().advice;
  const auto unknown = put_back({{"money.acounts", ""}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::not_found);
  EXPECT_NE(unknown.error().advice.find("money.accounts"), std::string::npos);
  const auto nowhere = put_back({{"money.accounts", "nowhere.accounts"}});
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().advice.find("CREATE SCHEMA"), std::string::npos);
  const auto parent = put_back({{"money.moves", "money.other"}});
  ASSERT_FALSE(parent);
  EXPECT_NE(parent.error().advice.find("money.moves_2025"), std::string::npos);
  EXPECT_EQ(value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'stillpoint%'"), "0");
}

TEST_F(TableTargetTest, PutsAPartitionBack) {
  const std::string before = digest("money.moves");
  const auto described_before = described("money", "moves_2025");
  server_.run("DROP TABLE money.moves_2025", "bank");
  const auto done = put_back({{"money.moves_2025", ""}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(digest("money.moves"), before);
  expect_same(described("money", "moves_2025"), described_before);
}

TEST_F(TableTargetTest, APartitionOfOtherBoundsIsRefused) {
  const auto same = put_back({{"money.moves_2025", ""}});
  ASSERT_FALSE(same);
  EXPECT_NE(same.error().message.find("like the one in the backup"), std::string::npos)
      << same.error().message;
  const auto other = put_back({{"money.moves_2025", "money.moves_2026"}});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("FROM ('2026-01-01')"), std::string::npos);
  EXPECT_NE(other.error().message.find("FROM ('2025-01-01')"), std::string::npos);
  server_.run("ALTER TABLE money.moves_2025 RENAME TO moves_of_old", "bank");
  const auto bound = put_back({{"money.moves_2025", ""}});
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find("moves_of_old"), std::string::npos);
  const auto done = put_back({{"money.moves_2025", "money.moves_copy"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(digest("money.moves_copy"), digest("money.moves_of_old"));
}

TEST_F(TableTargetTest, AForeignKeyThatCannotBeIsLeftOut) {
  server_.run("DROP TABLE money.accounts, money.owners", "bank");
  const auto done = put_back({{"money.accounts", ""}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(value("SELECT string_agg(conname, ' ') FROM pg_constraint WHERE contype = 'f'"),
            "accounts_parent_fkey");
}

TEST_F(TableTargetTest, WhatAKillLeavesIsRemoved) {
  const std::string before = base::join({dump(server_, "bank", {})}, "");
  RestoreOptions options;
  options.tables = {{"money.accounts", "money.again"}};
  for (const bool resume : {false, true}) {
    Child restorer([&] {
      TableTarget place(server_.address("bank"), options);
      if (!stage_all(place, copy_)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
    auto found = leftovers(server_.address("bank")).value();
    for (const base::Deadline deadline(std::chrono::seconds(10));
         !found.empty() && found[0].in_use && !deadline.passed();) {
      found = leftovers(server_.address("bank")).value();
    }
    ASSERT_EQ(found.size(), 1U);
    if (resume) {
      options.resume = true;
      TableTarget place(server_.address("bank"), options);
      const auto done = restore(place, copy_);
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_EQ(digest("money.again"), digest("money.accounts"));
      EXPECT_TRUE(leftovers(server_.address("bank")).value().empty());
      continue;
    }
    EXPECT_TRUE(remove_leftover(server_.address("bank"), found[0]));
    EXPECT_TRUE(dump(server_, "bank", {}) == before);
  }
}

}  // namespace
}  // namespace stillpoint::database::postgresql
