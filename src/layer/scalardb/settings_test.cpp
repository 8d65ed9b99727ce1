// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/settings.h"

#include <gtest/gtest.h>

namespace stillpoint::layer::scalardb {
namespace {

Result<Settings> read(std::string_view text) {
  return read_settings(TRY(Properties::parse(text)));
}

const std::string one =
    "scalar.db.storage=jdbc\n"
    "scalar.db.contact_points=jdbc:postgresql://db1/bank\n"
    "scalar.db.username=app\nscalar.db.password=secret\n";

const std::string two =
    "scalar.db.storage=multi-storage\n"
    "scalar.db.username=common\n"
    "scalar.db.multi_storage.storages=pg,lite\n"
    "scalar.db.multi_storage.storages.pg.storage=jdbc\n"
    "scalar.db.multi_storage.storages.pg.contact_points=jdbc:postgresql://db1/bank\n"
    "scalar.db.multi_storage.storages.pg.username=own\n"
    "scalar.db.multi_storage.storages.lite.storage=jdbc\n"
    "scalar.db.multi_storage.storages.lite.contact_points=jdbc:sqlite:/srv/b.db\n"
    "scalar.db.multi_storage.namespace_mapping=bank_a:pg,bank_b:lite,coordinator:lite\n"
    "scalar.db.multi_storage.default_storage=pg\n";

TEST(Settings, OfOneDatabase) {
  const auto settings = read(one);
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->storages.size(), 1U);
  EXPECT_EQ(settings->storages[0].url, "postgresql://app:secret@db1/bank");
  EXPECT_EQ(settings->coordinators, (std::vector<Coordinator>{{"coordinator", "database"}}));
  EXPECT_EQ(settings->system_namespace, "scalardb");
  EXPECT_FALSE(settings->one_phase_commit || settings->group_commit || settings->async_commit);
}

TEST(Settings, OfSeveralDatabases) {
  const auto settings = read(two);
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->storages.size(), 2U);
  EXPECT_EQ(settings->storages[0].url, "postgresql://own@db1/bank");
  EXPECT_EQ(settings->storages[1].url, "sqlite:///srv/b.db");
  EXPECT_EQ(settings->coordinators, (std::vector<Coordinator>{{"coordinator", "lite"}}));
  const auto elsewhere = read(two + "scalar.db.consensus_commit.coordinator.namespace=other\n");
  EXPECT_EQ(elsewhere->coordinators, (std::vector<Coordinator>{{"other", "pg"}}));
  const auto by_table = read(two + "scalar.db.multi_storage.table_mapping=coordinator.state:pg\n");
  EXPECT_EQ(by_table->coordinators, (std::vector<Coordinator>{{"coordinator", "pg"}}));
}

TEST(Settings, WhatMatters) {
  const auto settings =
      read(one +
           "scalar.db.consensus_commit.one_phase_commit.enabled=true\n"
           "scalar.db.consensus_commit.coordinator.group_commit.enabled=true\n"
           "scalar.db.consensus_commit.async_commit.enabled=true\n"
           "scalar.db.consensus_commit.coordinator.write_set_logging.enabled=true\n"
           "scalar.db.system_namespace_name=system\n");
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->one_phase_commit && settings->group_commit && settings->async_commit &&
              settings->write_set_logging);
  EXPECT_EQ(settings->system_namespace, "system");
}

TEST(Settings, WhatIsRefusedIsNamed) {
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {one + "scalar.db.transaction_manager=jdbc\n", "jdbc"},
      {one + "scalar.db.transaction_manager=single-crud-operation\n", "single-crud-operation"},
      {"scalar.db.transaction_manager=cluster\n", "client of ScalarDB Cluster"},
      {"scalar.db.contact_points=db1\n", "cassandra"},
      {"scalar.db.storage=cosmos\n", "cosmos"},
      {two + "scalar.db.multi_storage.storages.lite.storage=dynamo\n", "lite"},
      {"scalar.db.storage=jdbc\n", "no contact points"},
      {two + "scalar.db.multi_storage.namespace_mapping=coordinator:gone\n", "coordinator"},
  };
  for (const auto& [text, says] : cases) {
    const auto refused = read(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().advice, "") << text;
  }
}

TEST(Settings, OfSeveralApplications) {
  const auto both = join({read(one).value(), read(two).value()});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->storages.size(), 3U);
  EXPECT_EQ(both->coordinators.size(), 2U);
  Settings other = read(one).value();
  other.one_phase_commit = true;
  EXPECT_TRUE(join({read(one).value(), other})->one_phase_commit);
  other.storages[0].url = "sqlite:///elsewhere.db";
  EXPECT_EQ(join({read(one).value(), other}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace stillpoint::layer::scalardb
