// SPDX-License-Identifier: Apache-2.0
#include "repository/subset.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/random.h"

namespace stillpoint::repository {
namespace {

using Packs = std::unordered_map<Id, std::uint64_t>;

Packs packs(std::size_t count, std::uint64_t bytes) {
  base::Random random(count);
  Packs made;
  while (made.size() < count) {
    Id id;
    random.fill(id.bytes);
    made[id] = bytes;
  }
  return made;
}

TEST(Subset, IsReadAsResticReadsIt) {
  const auto part = std::get<PartOf>(parse_subset("2/7").value());
  EXPECT_EQ(part.number, 2U);
  EXPECT_EQ(part.parts, 7U);
  EXPECT_EQ(std::get<PartOf>(parse_subset("256/256").value()).parts, 256U);
  EXPECT_EQ(std::get<Share>(parse_subset("2.5%").value()).percent, 2.5);
  EXPECT_EQ(std::get<Share>(parse_subset("100%").value()).percent, 100);
  for (const auto& [text, bytes] : {std::pair("512", std::uint64_t{512}),
                                    {"10k", 10240},
                                    {"10K", 10240},
                                    {"3M", 3 << 20},
                                    {"3MiB", 3 << 20},
                                    {"1G", 1 << 30},
                                    {"2T", std::uint64_t{2} << 40},
                                    {"5B", 5}}) {
    EXPECT_EQ(std::get<Size>(parse_subset(text).value()).bytes, bytes) << text;
  }
  for (const char* wrong : {"",       "0/3", "4/3",          "1/257", "1/",   "/3",  "1/2/3", "0%",
                            "100.1%", "%",   "-1%",          "nan%",  "inf%", "0",   "x",     "k",
                            "1.5G",   "-3M", "99999999999T", "1e3%x", "+1/2", " 1/2"}) {
    const auto subset = parse_subset(wrong);
    ASSERT_FALSE(subset) << wrong;
    EXPECT_EQ(subset.error().code, Errc::invalid) << wrong;
  }
}

TEST(Subset, AShareIsOfTheNumberOfPacksAndAtLeastOne) {
  const Packs all = packs(200, 1000);
  EXPECT_EQ(choose(all, Share{50}, 1).size(), 100U);
  EXPECT_EQ(choose(all, Share{100}, 1).size(), 200U);
  EXPECT_EQ(choose(all, Share{0.001}, 1).size(), 1U);
  EXPECT_EQ(choose(all, Size{50'000}, 1).size(), 50U);
  EXPECT_EQ(choose(all, Size{1}, 1).size(), 1U);
  EXPECT_EQ(choose(all, Size{UINT64_MAX}, 1).size(), 200U);
  EXPECT_TRUE(choose({}, Share{50}, 1).empty());
  EXPECT_TRUE(choose({}, Size{50}, 1).empty());
}

TEST(Subset, TheSameSeedChoosesTheSameAndAnotherAnother) {
  const Packs all = packs(200, 1000);
  EXPECT_EQ(choose(all, Share{10}, 1), choose(all, Share{10}, 1));
  EXPECT_NE(choose(all, Share{10}, 1), choose(all, Share{10}, 2));
}

TEST(Subset, EveryPackIsChosenAboutAsOften) {
  const Packs all = packs(20, 1000);
  std::unordered_map<Id, int> times;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    for (const Id& id : choose(all, Share{25}, seed)) ++times[id];
  }
  ASSERT_EQ(times.size(), 20U);
  for (const auto& [id, count] : times) {  // 500 expected, with a deviation of about 20
    EXPECT_GT(count, 380) << id.brief();
    EXPECT_LT(count, 620) << id.brief();
  }
}

RC_GTEST_PROP(PartsOfAnyPacks, AreDisjointAndTogetherAll, ()) {
  const Packs all = packs(*rc::gen::inRange<std::size_t>(0, 300), 1);
  const auto parts = *rc::gen::inRange<unsigned>(1, 257);
  std::set<Id> seen;
  for (unsigned number = 1; number <= parts; ++number) {
    const std::vector<Id> chosen = choose(all, PartOf{number, parts}, 0);
    RC_ASSERT(std::is_sorted(chosen.begin(), chosen.end()));
    for (const Id& id : chosen) {
      RC_ASSERT(seen.insert(id).second);
      RC_ASSERT(id.bytes[0] % parts == number - 1);
    }
  }
  RC_ASSERT(seen.size() == all.size());
}

}  // namespace
}  // namespace stillpoint::repository
