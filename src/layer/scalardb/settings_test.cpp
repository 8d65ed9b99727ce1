// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/settings.h"

#include <gtest/gtest.h>

namespace stillpoint::layer::scalardb {
namespace {

Result<Settings> read(std::string_view text, Others others = Others::refused) {
  return read_settings(TRY(Properties::parse(text)), others);
}

std::vector<std::string> names_of(const Settings& settings) {
  std::vector<std::string> names;
  for (const Storage& one : settings.storages) names.push_back(one.name);
  return names;
}
using Names = std::vector<std::string>;

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

// Three names of one PostgreSQL database, one of another.
const std::string aliases =
    "scalar.db.storage=multi-storage\n"
    "scalar.db.multi_storage.storages=a,b,c,d\n"
    "scalar.db.multi_storage.storages.a.storage=jdbc\n"
    "scalar.db.multi_storage.storages.a.contact_points=jdbc:postgresql://db1/bank\n"
    "scalar.db.multi_storage.storages.a.username=one\n"
    "scalar.db.multi_storage.storages.b.storage=jdbc\n"
    "scalar.db.multi_storage.storages.b.contact_points=jdbc:postgresql://DB1:5432/bank?ssl=true\n"
    "scalar.db.multi_storage.storages.b.username=two\n"
    "scalar.db.multi_storage.storages.c.storage=jdbc\n"
    "scalar.db.multi_storage.storages.c.contact_points=jdbc:postgresql://db1/other\n"
    "scalar.db.multi_storage.storages.d.storage=jdbc\n"
    "scalar.db.multi_storage.storages.d.contact_points=jdbc:postgresql://db1/bank\n"
    "scalar.db.multi_storage.namespace_mapping=x:a,y:c,coordinator:d\n"
    "scalar.db.multi_storage.default_storage=b\n";

TEST(Settings, ADatabaseWithSeveralNamesIsOneStorage) {
  const auto settings = read(aliases);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(names_of(*settings), (Names{"a", "c"}));
  EXPECT_EQ(settings->storages[0].url, "postgresql://one@db1/bank");
  EXPECT_EQ(settings->coordinators, (std::vector<Coordinator>{{"coordinator", "a"}}));
}

const std::string mixed =
    two +
    "scalar.db.multi_storage.storages=pg,lite,far,ora\n"
    "scalar.db.multi_storage.storages.far.storage=cassandra\n"
    "scalar.db.multi_storage.storages.far.contact_points=db9\n"
    "scalar.db.multi_storage.storages.ora.storage=jdbc\n"
    "scalar.db.multi_storage.storages.ora.contact_points=jdbc:oracle:thin:x\n";

TEST(Settings, StoragesThatCannotBeReadAreListedWhereThatIsAskedFor) {
  EXPECT_EQ(read(mixed).error().code, Errc::unsupported);
  const auto settings = read(mixed, Others::listed);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(names_of(*settings), (Names{"pg", "lite"}));
  EXPECT_EQ(settings->others,
            (std::vector<OtherStorage>{{"far", "cassandra"}, {"ora", "Oracle Database"}}));
  const auto alone = read("scalar.db.storage=dynamo\n", Others::listed);
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_TRUE(alone->storages.empty());
  EXPECT_EQ(alone->others, (std::vector<OtherStorage>{{"database", "dynamo"}}));
  EXPECT_EQ(alone->coordinators, (std::vector<Coordinator>{{"coordinator", "database"}}));
  // What can be read, once it is named properly, is no other storage.
  EXPECT_FALSE(
      read("scalar.db.storage=jdbc\n"
           "scalar.db.contact_points=jdbc:postgresql://a,b/bank\n",
           Others::listed));
}

TEST(Settings, MetadataOfSeveralNamespacesAreRefused) {
  const std::string own = "scalar.db.multi_storage.storages.lite.jdbc.table_metadata.schema=meta\n";
  EXPECT_EQ(read(two + own).error().code, Errc::unsupported);
  const std::string all = "scalar.db.jdbc.table_metadata.schema=meta\n";
  EXPECT_EQ(read(two + own + all)->system_namespace, "meta");
}

TEST(Settings, OfSeveralApplications) {
  // The first calls one database of the other "database".
  const auto both = join({read(one).value(), read(two).value()});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(names_of(*both), (Names{"database", "lite"}));
  EXPECT_EQ(both->coordinators,
            (std::vector<Coordinator>{{"coordinator", "database"}, {"coordinator", "lite"}}));
  const std::string there = "scalar.db.multi_storage.table_mapping=coordinator.state:pg\n";
  const auto same = join({read(one).value(), read(two + there).value()});
  EXPECT_EQ(same->coordinators, (std::vector<Coordinator>{{"coordinator", "database"}}));

  Settings other = read(one).value();
  other.one_phase_commit = true;
  EXPECT_TRUE(join({read(one).value(), other})->one_phase_commit);
  other.storages[0].url = "sqlite:///elsewhere.db";
  EXPECT_EQ(join({read(one).value(), other}).error().code, Errc::invalid);
  other = read(one).value();
  other.system_namespace = "elsewhere";
  EXPECT_EQ(join({read(one).value(), other}).error().code, Errc::invalid);
  const Settings far = read(mixed, Others::listed).value();
  EXPECT_EQ(join({far, far})->others, far.others);
  Settings taken = read(two).value();
  taken.storages[1] = {"far", "sqlite:///far.db"};
  EXPECT_EQ(join({far, taken}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace stillpoint::layer::scalardb
