// SPDX-License-Identifier: Apache-2.0
#include "repository/adoption.h"

#include <gtest/gtest.h>

#include "repository/lock.h"
#include "repository/prune/testing.h"
#include "repository/testing.h"

namespace stillpoint::repository {
namespace {

// A backup that was killed: its packs are there, and no index file.
class Adoption : public PruneCase {
 protected:
  void SetUp() override {
    begin_anew();
    const auto repository = open();
    {
      const auto writer = begin_backup(*repository, range(1, 100)).value();
    }
    for (const std::string& name : names("index/")) ASSERT_TRUE(backend()->remove(name));
    packs_ = names("data/");
    ASSERT_GE(packs_.size(), 10U);
  }

  std::vector<std::string> packs_;
};

TEST_F(Adoption, WhatAKilledBackupStoredIsUsed) {
  const Record record = back_up(range(1, 100));
  expect_whole({{record.id, range(1, 100)}});
  EXPECT_LE(names("data/").size(), packs_.size() + 2);  // the last chunks, and a folder
  const CheckReport report = check_all();
  EXPECT_TRUE(report.ok());
  EXPECT_TRUE(report.notes.empty()) << report.notes.front();
}

TEST_F(Adoption, NothingIsTakenFromWhoIsAtWork) {
  const auto repository = open();
  const auto lock = Lock::acquire(*repository, LockKind::shared, {}).value();
  back_up(range(1, 100));
  EXPECT_GE(names("data/").size(), 2 * packs_.size());
}

TEST_F(Adoption, PacksThatTellNothingAreLeft) {
  Bytes bytes = backend()->get(packs_[0]).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(backend()->put(packs_[0], bytes, storage::PutMode::replace));
  const Record record = back_up(range(1, 100));
  expect_whole({{record.id, range(1, 100)}});
  EXPECT_LE(names("data/").size(), packs_.size() + 4);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(Adoption, ARetiredPackIsNotTaken) {
  ASSERT_FALSE(prune_now().retired.packs == 0);
  back_up(range(1, 100));
  EXPECT_GE(names("data/").size(), 2 * packs_.size());
}

}  // namespace
}  // namespace stillpoint::repository
