// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/post_data.h"

#include <gtest/gtest.h>

#include "database/postgresql/testing.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr const char* partitioned = R"(
  SET search_path = public;
  CREATE TABLE e(a int, b text) PARTITION BY RANGE (a);
  CREATE TABLE e1 PARTITION OF e FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (a);
  CREATE TABLE e11 PARTITION OF e1 FOR VALUES FROM (0) TO (5);
  CREATE INDEX top ON e(b);
  CREATE INDEX unfinished ON ONLY e(a);
  SET allow_system_table_mods = on;
  UPDATE pg_index i SET indisvalid = false FROM pg_class c
    WHERE c.oid = i.indexrelid AND c.relkind = 'I')";
constexpr const char* invalid_sql =
    "SELECT string_agg(relname, ' ') FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
    " WHERE NOT indisvalid";

TEST(PostgresqlPostData, IndexesOfPartitionedTablesAreMadeValid) {
  if (testing::programs_folder().empty()) GTEST_SKIP() << "there is no PostgreSQL here";
  const testing::Server server;
  server.run("CREATE DATABASE x");
  server.run(partitioned, "x");
  ASSERT_EQ(server.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid", "x"), "3");
  Connection session = server.session("x");
  const auto done = validate_indexes(session);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(server.value(invalid_sql, "x"), "unfinished");  // which was not valid before either
}

}  // namespace
}  // namespace stillpoint::database::postgresql
