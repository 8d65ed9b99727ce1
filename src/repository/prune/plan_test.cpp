// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/plan.h"

#include <gtest/gtest.h>

#include "repository/entry_bits.h"

namespace stillpoint::repository {
namespace {

// A pack of 100 bytes, so many of them needed.
PackUse pack(std::uint64_t used, std::uint64_t unused) {
  PackUse use;
  use.bytes = 100;
  use.bytes_used = used;
  use.bytes_unused = unused;
  use.blobs_used = used;
  return use;
}

PruneOptions allowing(const std::string& unused) {
  PruneOptions options;
  options.unused_max = unused_limit_named(unused).value();
  options.pack_bytes = 100;
  return options;
}

using Fates = std::vector<Fate>;

TEST(PrunePlan, PacksThatNobodyNeedsAreRetiredWhateverMayStay) {
  const auto plan = plan_prune({pack(0, 90), pack(90, 0)}, allowing("unlimited"));
  EXPECT_EQ(plan.fates, (Fates{Fate::retire, Fate::keep}));
  EXPECT_EQ(plan.bytes_left_unused, 0U);
}

TEST(PrunePlan, ThoseWithTheLargestUnneededShareAreRewrittenUntilLittleEnoughStays) {
  const std::vector<PackUse> packs = {pack(80, 10), pack(10, 80), pack(45, 45), pack(90, 0)};
  EXPECT_EQ(plan_prune(packs, allowing("unlimited")).fates,
            (Fates{Fate::keep, Fate::keep, Fate::keep, Fate::keep}));
  EXPECT_EQ(plan_prune(packs, allowing("60B")).fates,
            (Fates{Fate::keep, Fate::rewrite, Fate::keep, Fate::keep}));
  const auto plan = plan_prune(packs, allowing("54"));
  EXPECT_EQ(plan.fates, (Fates{Fate::keep, Fate::rewrite, Fate::rewrite, Fate::keep}));
  EXPECT_EQ(plan.bytes_left_unused, 10U);
  EXPECT_EQ(plan_prune(packs, allowing("0")).fates,
            (Fates{Fate::rewrite, Fate::rewrite, Fate::rewrite, Fate::keep}));
}

TEST(PrunePlan, AShareIsOneOfTheRepositoryAsItWillBe) {
  // 90 of 190 bytes are 47.4 %.
  const std::vector<PackUse> packs = {pack(10, 80), pack(90, 10)};
  EXPECT_EQ(plan_prune(packs, allowing("47%")).fates, (Fates{Fate::rewrite, Fate::keep}));
  EXPECT_EQ(plan_prune(packs, allowing("48%")).fates, (Fates{Fate::keep, Fate::keep}));
  EXPECT_EQ(plan_prune(packs, allowing("100%")).fates, (Fates{Fate::keep, Fate::keep}));
}

TEST(PrunePlan, NoMoreIsRewrittenThanAllowedButWhatStillFits) {
  std::vector<PackUse> packs = {pack(10, 80), pack(20, 70), pack(30, 20)};
  packs[2].bytes = 60;
  PruneOptions options = allowing("0");
  options.repack_bytes_max = 160;
  const auto plan = plan_prune(packs, options);
  EXPECT_EQ(plan.fates, (Fates{Fate::rewrite, Fate::keep, Fate::rewrite}));
  EXPECT_EQ(plan.bytes_left_unused, 70U);
}

TEST(PrunePlan, SmallPacksArePutTogetherOnRequestUnlessThereIsOnlyOne) {
  std::vector<PackUse> packs = {pack(90, 0), pack(20, 0), pack(20, 0), pack(20, 0)};
  for (std::size_t i = 1; i < packs.size(); ++i) packs[i].bytes = 30;
  packs[3].type = BlobType::tree;
  PruneOptions options = allowing("5%");
  EXPECT_EQ(plan_prune(packs, options).fates, Fates(4, Fate::keep));
  options.repack_small = true;
  EXPECT_EQ(plan_prune(packs, options).fates,
            (Fates{Fate::keep, Fate::rewrite, Fate::rewrite, Fate::keep}));
}

TEST(PrunePlan, PacksThatAreGoneAreDroppedFromTheIndex) {
  PackUse gone = pack(0, 90);
  gone.there = false;
  EXPECT_EQ(plan_prune({gone, pack(90, 0)}, allowing("5%")).fates, (Fates{Fate::drop, Fate::keep}));
}

TEST(UnusedLimit, IsAShareASizeOrNone) {
  EXPECT_EQ(unused_limit_named("5%").value().percent, 5);
  EXPECT_EQ(unused_limit_named("2.5%").value().kind, UnusedLimit::Kind::percent);
  EXPECT_EQ(unused_limit_named("0").value().bytes, 0U);
  EXPECT_EQ(unused_limit_named("0").value().kind, UnusedLimit::Kind::bytes);
  EXPECT_EQ(unused_limit_named("1GiB").value().bytes, 1ULL << 30);
  EXPECT_EQ(unused_limit_named("1.5K").value().bytes, 1536U);
  EXPECT_EQ(unused_limit_named("3MB").value().bytes, 3ULL << 20);
  EXPECT_EQ(unused_limit_named("unlimited").value().kind, UnusedLimit::Kind::unlimited);
  for (const char* wrong : {"", "-1", "x", "5%%", "1Q", "1KiBB", "nan", "inf", "1e30", "9e12M"}) {
    const auto limit = unused_limit_named(wrong);
    ASSERT_FALSE(limit) << wrong;
    EXPECT_EQ(limit.error().code, Errc::invalid) << wrong;
  }
}

TEST(EntryBits, AreClearUntilTheyAreSet) {
  EntryBits bits;
  EXPECT_FALSE(bits.test(1'000'000));
  for (const std::uint32_t number : {0U, 63U, 64U, 1'000'000U}) {
    EXPECT_TRUE(bits.set(number)) << number;
    EXPECT_FALSE(bits.set(number)) << number;
    EXPECT_TRUE(bits.test(number)) << number;
  }
  EXPECT_FALSE(bits.test(1));
  EXPECT_FALSE(bits.test(65));
  EXPECT_EQ(bits.count(), 4U);
  bits.clear(63);
  bits.clear(5'000'000);
  EXPECT_FALSE(bits.test(63));
  EXPECT_TRUE(bits.test(64));
  EXPECT_EQ(bits.count(), 3U);
}

}  // namespace
}  // namespace stillpoint::repository
