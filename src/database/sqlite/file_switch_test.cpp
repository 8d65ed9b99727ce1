// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/file_switch.h"

#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

using testing::Folder;
using Files = std::map<std::string, std::string>;

void put(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

Result<void> fine(const std::string&) {
  return {};
}

TEST(FileSwitch, PutsTheNewInPlaceAndKeepsTheOld) {
  const Folder folder;
  put(folder / "a", "old");
  put(folder / "staged", "new");
  std::string old;
  const auto look = [&](const std::string& path) -> Result<void> {
    std::ifstream(path) >> old;
    return {};
  };
  ASSERT_TRUE(switch_files(folder / "staged", folder / "a", folder / "kept", look));
  EXPECT_EQ(old, "old");
  EXPECT_EQ(folder.files(), (Files{{"a", "new"}, {"kept", "old"}}));
}

TEST(FileSwitch, PutsEverythingBackWhereTheCheckOrARenameFails) {
  const Folder folder;
  put(folder / "a", "old");
  put(folder / "staged", "new");
  const auto refuse = [](const std::string&) -> Result<void> { return fail(Errc::busy, "no"); };
  EXPECT_EQ(switch_files(folder / "staged", folder / "a", folder / "kept", refuse).error().code,
            Errc::busy);
  EXPECT_EQ(folder.files(), (Files{{"a", "old"}, {"staged", "new"}}));
  put(folder / "kept", "mine");
  EXPECT_EQ(switch_files(folder / "staged", folder / "a", folder / "kept", fine).error().code,
            Errc::already_exists);
  EXPECT_EQ(folder.files(), (Files{{"a", "old"}, {"kept", "mine"}, {"staged", "new"}}));
}

TEST(FileSwitch, MovesAllSideFilesOrNone) {
  const Folder folder;
  put(folder / "a-wal", "w");
  put(folder / "a-journal", "j");
  put(folder / "b-journal", "mine");
  EXPECT_FALSE(move_side_files(folder / "a", folder / "b"));
  EXPECT_EQ(folder.files(), (Files{{"a-journal", "j"}, {"a-wal", "w"}, {"b-journal", "mine"}}));
  ASSERT_TRUE(move_side_files(folder / "a", folder / "c"));
  EXPECT_EQ(folder.files(), (Files{{"b-journal", "mine"}, {"c-journal", "j"}, {"c-wal", "w"}}));
}

TEST(FileSwitch, FindsAFreeName) {
  const Folder folder;
  const base::Time time = base::parse_time("2026-11-21T08:30:00Z").value();
  EXPECT_EQ(kept_name(folder / "a.db", time), folder / "a_before_20261121T083000Z.db");
  put(folder / "a_before_20261121T083000Z.db", "");
  put(folder / "a_before_20261121T083000Z_2.db-wal", "");
  EXPECT_EQ(kept_name(folder / "a.db", time), folder / "a_before_20261121T083000Z_3.db");
}

TEST(FileSwitch, FollowsLinksThatLeadNowhereYet) {
  const Folder folder;
  std::filesystem::create_symlink("b", folder / "a");
  std::filesystem::create_symlink(folder / "c", folder / "b");
  EXPECT_EQ(follow_links(folder / "a"), folder / "c");
}

}  // namespace
}  // namespace stillpoint::database::sqlite
