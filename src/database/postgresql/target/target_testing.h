// SPDX-License-Identifier: Apache-2.0
// What the tests of restores to PostgreSQL share.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/program.h"
#include "database/postgresql/source/postgresql_database.h"
#include "database/postgresql/testing.h"
#include "database/testing.h"

namespace stillpoint::database::postgresql::testing {

// What pg_dump makes of it.
inline std::string dump(const Server& server, const std::string& database,
                        std::vector<std::string> options) {
  std::string text;
  options.insert(options.begin(), {programs_folder() + "/pg_dump", "--restrict-key=x",
                                   "--quote-all-identifiers", "--dbname=" + server.url(database)});
  const auto ran = base::run_program({options, {}, {}},
                                     [&](ByteView bytes) -> Result<void> {
                                       text += base::text_of(bytes);
                                       return {};
                                     },
                                     {});
  EXPECT_TRUE(ran) << ran.error().message;
  return text;
}

inline database::testing::Copy back_up(const Server& server, const std::string& database) {
  PostgresqlDatabase source(server.address(database), {});
  const auto prepared = source.prepare({});
  EXPECT_TRUE(prepared) << prepared.error().message;
  const auto opened = source.open(base::Deadline(std::chrono::seconds(10)));
  EXPECT_TRUE(opened) << opened.error().message;
  return database::testing::copy_of(source);
}

}  // namespace stillpoint::database::postgresql::testing
