// SPDX-License-Identifier: Apache-2.0
#include "backup/difference.h"

#include <gtest/gtest.h>

#include "repository/testing.h"

namespace stillpoint::backup {
namespace {

using database::Object;

Id content(std::uint8_t number) {
  Id id;
  id.bytes[0] = number;
  return id;
}

Object table(const std::string& name, std::uint64_t rows,
             std::optional<std::uint64_t> checksum = {}) {
  Object object;
  object.kind = "table";
  object.name = name;
  object.rows = rows;
  object.checksum = checksum;
  return object;
}

DatabaseEntry bank() {
  DatabaseEntry entry;
  entry.name = "bank";
  entry.kind = "postgresql";
  entry.folder = "bank";
  entry.settings = {{"encoding", "UTF8"}, {"owner", "app"}};
  entry.objects = {table("public.accounts", 10, 1), table("public.log", 5, 2)};
  entry.files = {{"bank/data/public/accounts/0", 100, content(1)},
                 {"bank/data/public/log/0", 50, content(2)},
                 {"bank/schema/pre-data.sql", 9, content(3)}};
  return entry;
}

Manifest manifest_of(std::vector<DatabaseEntry> databases) {
  Manifest manifest;
  manifest.databases = std::move(databases);
  return manifest;
}

DatabaseChange change_of(const DatabaseEntry& before, const DatabaseEntry& after) {
  const Difference difference = compare(manifest_of({before}), manifest_of({after}));
  EXPECT_EQ(difference.databases.size(), 1U);
  return difference.databases.at(0);
}

// "changed public.accounts 10 11"
std::vector<std::string> told(const std::vector<ObjectChange>& objects) {
  const auto number = [](const std::optional<std::uint64_t>& rows) {
    return rows ? std::to_string(*rows) : std::string("-");
  };
  std::vector<std::string> all;
  for (const ObjectChange& object : objects) {
    all.push_back(std::string(name_of(object.change)) + " " + object.name + " " +
                  number(object.rows_before) + " " + number(object.rows_after));
  }
  return all;
}

std::vector<std::string> told(const std::vector<FileChange>& files) {
  std::vector<std::string> all;
  for (const FileChange& file : files) {
    all.push_back(std::string(name_of(file.change)) + " " + file.path + " " +
                  std::to_string(file.bytes_before) + " " + std::to_string(file.bytes_after));
  }
  return all;
}

using Lines = std::vector<std::string>;

TEST(Difference, OfTheSameIsNone) {
  const DatabaseChange change = change_of(bank(), bank());
  EXPECT_EQ(change.change, Change::same);
  EXPECT_TRUE(change.settings.empty() && change.objects.empty() && change.files.empty());
  EXPECT_EQ(change.rows_after, 15U);
  EXPECT_EQ(change.bytes_before, 159U);
}

TEST(Difference, TellsTablesByRowsAndByChecksum) {
  DatabaseEntry after = bank();
  after.objects[0].rows = 11;
  after.objects[1].checksum = 3;
  after.objects.push_back(table("public.new", 0, 0));
  EXPECT_EQ(
      told(change_of(bank(), after).objects),
      (Lines{"changed public.accounts 10 11", "changed public.log 5 5", "added public.new - 0"}));
  EXPECT_EQ(
      told(change_of(after, bank()).objects),
      (Lines{"changed public.accounts 11 10", "changed public.log 5 5", "removed public.new 0 -"}));
}

TEST(Difference, WithoutChecksumsItDoesNotClaimMoreThanIsKnown) {
  DatabaseEntry before = bank();
  for (Object& object : before.objects) object.checksum.reset();
  EXPECT_EQ(change_of(before, before).change, Change::same);
  DatabaseEntry after = before;
  after.files[0].content = content(9);
  after.objects[1].rows = 6;
  EXPECT_EQ(told(change_of(before, after).objects),
            (Lines{"unknown public.accounts 10 10", "changed public.log 5 6"}));
}

TEST(Difference, TellsFilesAndSettings) {
  DatabaseEntry after = bank();
  after.settings = {{"encoding", "LATIN1"}, {"locale", "C"}};
  after.files = {{"bank/data/public/accounts/0", 100, content(1)},
                 {"bank/data/public/accounts/1", 70, content(7)},
                 {"bank/schema/pre-data.sql", 12, content(4)}};
  const DatabaseChange change = change_of(bank(), after);
  EXPECT_EQ(told(change.files),
            (Lines{"added data/public/accounts/1 0 70", "removed data/public/log/0 50 0",
                   "changed schema/pre-data.sql 9 12"}));
  ASSERT_EQ(change.settings.size(), 3U);
  EXPECT_EQ(change.settings[0].name, "encoding");
  EXPECT_EQ(change.settings[0].before, "UTF8");
  EXPECT_EQ(change.settings[0].after, "LATIN1");
  EXPECT_EQ(change.settings[1].before, std::nullopt);
  EXPECT_EQ(change.settings[1].after, "C");
  EXPECT_EQ(change.settings[2].after, std::nullopt);
}

TEST(Difference, TellsDatabasesAndTheirLayer) {
  DatabaseEntry shop = bank();
  shop.name = "shop";
  Manifest before = manifest_of({bank()});
  Manifest after = manifest_of({shop});
  before.layer_settings = {{"serializable", "no"}};
  after.layer_settings = {{"serializable", "yes"}};
  after.layer = "scalardb";
  const Difference difference = compare(before, after);
  ASSERT_EQ(difference.databases.size(), 2U);
  EXPECT_EQ(difference.databases[0].name, "bank");
  EXPECT_EQ(difference.databases[0].change, Change::removed);
  EXPECT_EQ(difference.databases[0].bytes_after, 0U);
  EXPECT_EQ(difference.databases[1].name, "shop");
  EXPECT_EQ(difference.databases[1].change, Change::added);
  EXPECT_EQ(difference.databases[1].files.size(), 3U);
  ASSERT_EQ(difference.settings.size(), 2U);
  EXPECT_EQ(difference.settings[0].name, "layer");
  EXPECT_EQ(difference.settings[1].after, "yes");
}

class Shared : public ::testing::Test {
 protected:
  static Listed foreign(repository::Record record) {
    record.tags.clear();
    return listed_of(record);
  }
  std::unique_ptr<repository::Repository> repository_ =
      repository::init_test_repository(*storage::open("memory:difference-" + base::random_token()));
};

TEST_F(Shared, BytesAreCountedByTheirChunks) {
  const Bytes bytes = repository::random_bytes(1, 2'000'000);
  Bytes longer = bytes;
  const Bytes more = repository::random_bytes(2, 500'000);
  longer.insert(longer.end(), more.begin(), more.end());
  const auto before = foreign(repository::back_up_bytes(*repository_, bytes).value());
  const auto after = foreign(repository::back_up_bytes(*repository_, longer).value());
  ASSERT_TRUE(repository_->load_index({}));
  const Difference difference = find_difference(*repository_, before, after, {}).value();
  EXPECT_TRUE(difference.by_files);
  EXPECT_EQ(told(difference.files), Lines{"changed f 2000000 2500000"});
  const Sharing& sharing = difference.sharing;
  EXPECT_EQ(sharing.shared.bytes + sharing.only_before.bytes, 2'000'000U);
  EXPECT_EQ(sharing.shared.bytes + sharing.only_after.bytes, 2'500'000U);
  EXPECT_LE(sharing.only_before.chunks, 1U) << "all but the last chunk are the same";
  EXPECT_GT(sharing.shared.chunks, 4U);
  EXPECT_GT(sharing.only_after.stored, sharing.only_after.bytes) << "random bytes grow by seals";

  const Difference none = find_difference(*repository_, after, after, {}).value();
  EXPECT_TRUE(none.files.empty());
  EXPECT_EQ(none.sharing.shared.bytes, 2'500'000U);
  EXPECT_EQ(none.sharing.only_after.chunks + none.sharing.only_before.chunks, 0U);
}

TEST_F(Shared, AChunkThatIsInNoIndexIsDamage) {
  const auto backup =
      foreign(repository::back_up_bytes(*repository_, repository::random_bytes(1, 1000)).value());
  const auto empty = repository::open_test_repository(*storage::open(repository_->url()));
  EXPECT_EQ(find_difference(*empty, backup, backup, {}).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace stillpoint::backup
