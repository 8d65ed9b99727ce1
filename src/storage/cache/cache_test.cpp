// SPDX-License-Identifier: Apache-2.0
// The bound, the privacy and the expendability of cache folders.
#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "storage/cache/testing.h"
#include "storage/local/distant.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;
using base::view_of;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;

// A name and the bytes that belong to it.
std::string name_of(std::uint64_t number) {
  return "index/" + base::sha256(view_of(std::to_string(number))).hex();
}

Bytes bytes_of(std::uint64_t number, std::size_t size) {
  Bytes bytes(size);
  base::Random(number).fill(bytes);
  return bytes;
}

Id repository(std::uint8_t number) {
  Id id;
  id.bytes[0] = number;
  return id;
}

unsigned mode_of(const fs::path& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

void set_age(const fs::path& path, std::chrono::hours age) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

class Cache : public testing::Test {
 protected:
  // What the files take on the disk.
  std::uint64_t usage() const {
    std::uint64_t sum = 0;
    for (const fs::path& file : scratch_.files()) sum += (fs::file_size(file) + 4095) / 4096 * 4096;
    return sum;
  }
  // Why there is no cache of the first repository.
  Error why_refused() const {
    const auto root = CacheRoot::open(scratch_.root(), MiB);
    if (!root) return root.error();
    const auto folder = (*root)->folder(repository(1));
    return folder ? Error{Errc::internal, "it was opened", {}} : folder.error();
  }

  CacheScratch scratch_;
};

TEST_F(Cache, GivesBackWhatWasPut) {
  const auto cache = scratch_.open();
  EXPECT_FALSE(cache->get("index/a", 1));
  cache->put("index/a", view_of("x"));
  cache->put("trees/p/0-3", view_of("abc"));
  cache->put("trees/p/3-0", {});
  EXPECT_EQ(base::text_of(cache->get("index/a", 1).value()), "x");
  EXPECT_EQ(base::text_of(cache->get("trees/p/0-3", 3).value()), "abc");
  EXPECT_EQ(cache->get("trees/p/3-0", 0)->size(), 0U);
  cache->put("index/a", view_of("other"));
  const auto another = scratch_.open();
  EXPECT_EQ(base::text_of(another->get("index/a", 5).value()), "other");
  cache->drop("index/a");
  cache->drop("trees/p");
  cache->drop("snapshots/never");
  EXPECT_FALSE(another->get("index/a", 5));
  EXPECT_FALSE(another->get("trees/p/0-3", 3));
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(Cache, IsOfOneRepository) {
  scratch_.open(repository(1))->put("index/a", view_of("x"));
  EXPECT_FALSE(scratch_.open(repository(2))->get("index/a", 1));
}

TEST_F(Cache, AnotherSizeIsDamage) {
  const auto cache = scratch_.open();
  cache->put("index/a", view_of("abc"));
  EXPECT_FALSE(cache->get("index/a", 2));
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(Cache, IsTheOwnersAlone) {
  const mode_t before = ::umask(0);
  scratch_.open()->put("trees/p/0-3", view_of("abc"));
  ::umask(before);
  for (const fs::path& folder : {fs::path(), fs::path("trees"), fs::path("trees/p")}) {
    EXPECT_EQ(mode_of(scratch_.of({}) / folder), 0700U) << folder;
  }
  EXPECT_EQ(mode_of(scratch_.root()), 0700U);
  EXPECT_EQ(mode_of(scratch_.of({}) / "trees/p/0-3"), 0600U);
  EXPECT_EQ(mode_of(scratch_.root() / "usage"), 0600U);
  const Bytes tag = base::read_file(scratch_.of({}) / "CACHEDIR.TAG", 1000).value();
  EXPECT_TRUE(base::text_of(tag).starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
}

TEST_F(Cache, FoldersThatOthersMayWriteToAreRefused) {
  scratch_.open(repository(1));
  for (const fs::path& folder : {scratch_.root(), scratch_.of(repository(1))}) {
    for (const mode_t mode : {0720, 0702, 01777}) {
      ASSERT_EQ(::chmod(folder.c_str(), mode), 0);
      const Error error = why_refused();
      EXPECT_EQ(error.code, Errc::denied) << folder;
      EXPECT_THAT(error.message, HasSubstr("others may write to " + folder.string()));
    }
    ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
  }
  EXPECT_TRUE(CacheRoot::open(scratch_.root(), MiB).value()->folder(repository(1)));
}

TEST_F(Cache, FoldersOfOthersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "root: only root can give folders away";
  scratch_.open(repository(1));
  for (const fs::path& folder : {scratch_.of(repository(1)), scratch_.root()}) {
    ASSERT_EQ(::chown(folder.c_str(), 65534, 65534), 0);
    const Error error = why_refused();
    EXPECT_EQ(error.code, Errc::denied) << folder;
    EXPECT_THAT(error.message, HasSubstr("somebody else"));
  }
}

TEST_F(Cache, LinksAreNotFollowed) {
  const fs::path elsewhere = scratch_.folder() / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory_symlink(elsewhere, scratch_.root());
  EXPECT_FALSE(CacheRoot::open(scratch_.root(), MiB));
  EXPECT_FALSE(CacheRoot::open(scratch_.root() / "", MiB));
  EXPECT_FALSE(CacheRoot::find(scratch_.root() / ""));
  fs::remove(scratch_.root());
  const auto cache = scratch_.open(repository(1));
  overwrite(elsewhere / "secret", view_of("abc"));
  fs::create_directory(scratch_.of(repository(1)) / "index");
  fs::create_symlink(elsewhere / "secret", scratch_.of(repository(1)) / "index/a");
  EXPECT_FALSE(cache->get("index/a", 3));
  fs::create_directory_symlink(elsewhere, scratch_.of(repository(2)));
  EXPECT_FALSE(CacheRoot::open(scratch_.root(), MiB).value()->folder(repository(2)));
}

TEST_F(Cache, StaysBelowItsBoundInAllRepositoriesTogether) {
  constexpr std::uint64_t bound = MiB;
  base::Random random(1);
  for (int round = 0; round < 4; ++round) {
    const auto one = scratch_.open(repository(1), bound);
    const auto two = scratch_.open(repository(2), bound);
    for (std::uint64_t i = 0; i < 200; ++i) {
      const std::uint64_t number = random.below(10'000);
      const std::size_t size = 1 + random.below(40 * KiB);
      (i % 2 == 0 ? one : two)->put(name_of(number), bytes_of(number, size));
      ASSERT_LE(usage(), bound);
    }
    EXPECT_GT(usage(), bound / 2);
  }
}

TEST_F(Cache, ManyTinyFilesCountAsTheDiskCountsThem) {
  const auto cache = scratch_.open({}, MiB);
  for (std::uint64_t i = 0; i < 1000; ++i) cache->put(name_of(i), view_of("x"));
  EXPECT_LE(scratch_.files().size(), 256U);
  EXPECT_GT(scratch_.files().size(), 128U);
}

TEST_F(Cache, TakesNothingThatWouldPushAllElseOut) {
  const auto cache = scratch_.open({}, MiB);
  cache->put("index/a", Bytes(MiB / 8));
  cache->put("index/b", Bytes(MiB / 8 + 1));
  EXPECT_TRUE(cache->get("index/a", MiB / 8));
  EXPECT_FALSE(cache->get("index/b", MiB / 8 + 1));
}

TEST_F(Cache, WhatWasNotUsedForLongestGoesFirst) {
  const auto cache = scratch_.open({}, MiB);
  const auto path = [&](std::uint64_t i) { return scratch_.of({}) / name_of(i); };
  constexpr std::size_t size = 16 * KiB;
  for (std::uint64_t i = 0; i < 50; ++i) {
    cache->put(name_of(i), bytes_of(i, size));
    set_age(path(i), std::chrono::hours(1000 - static_cast<int>(i)));
  }
  ASSERT_TRUE(cache->get(name_of(0), size));  // used again
  for (std::uint64_t i = 100; i < 120; ++i) cache->put(name_of(i), bytes_of(i, size));
  EXPECT_TRUE(fs::exists(path(0)));
  EXPECT_FALSE(fs::exists(path(1)));
  EXPECT_FALSE(fs::exists(path(2)));
  EXPECT_TRUE(fs::exists(path(49)));
  EXPECT_TRUE(fs::exists(path(119)));
  // In the order of their age: no older one is there where a younger one went.
  bool there = false;
  for (std::uint64_t i = 1; i < 50; ++i) {
    EXPECT_TRUE(!there || fs::exists(path(i))) << i;
    there = fs::exists(path(i));
  }
}

TEST_F(Cache, WhatOthersKeepThereIsLeftAlone) {
  const auto cache = scratch_.open({}, MiB);
  const std::vector<fs::path> mine = {scratch_.root() / "notes", scratch_.root() / "photos/a",
                                      scratch_.of({}) / "mine", scratch_.of({}) / "photos/b"};
  for (const fs::path& path : mine) {
    fs::create_directories(path.parent_path());
    overwrite(path, Bytes(100 * KiB));
    set_age(path, std::chrono::hours(10'000));
  }
  for (std::uint64_t i = 0; i < 200; ++i) cache->put(name_of(i), bytes_of(i, 20 * KiB));
  CacheRoot::find(scratch_.root()).value()->remove({});
  for (const fs::path& path : mine) EXPECT_TRUE(fs::exists(path)) << path;
}

// A killed process leaves a count that is too high, a stranger any count.
TEST_F(Cache, CountsAnewWhatItCannotBelieve) {
  for (const char* count : {"", "x\n", "12", "99999999999999999999\n", "18446744073709551615\n"}) {
    ASSERT_TRUE(base::make_directories(scratch_.root()));
    overwrite(scratch_.root() / "usage", view_of(count));
    const auto cache = scratch_.open({}, MiB);
    cache->put("index/a", view_of("abc"));
    EXPECT_TRUE(cache->get("index/a", 3)) << count;
    for (std::uint64_t i = 0; i < 100; ++i) cache->put(name_of(i), bytes_of(i, 20 * KiB));
    EXPECT_LE(usage(), MiB);
  }
}

TEST_F(Cache, WhatWasReservedAndNotUsedIsGivenBack) {
  for (int i = 0; i < 20; ++i) scratch_.open({}, MiB)->put("index/a", view_of("abc"));
  const Bytes count = base::read_file(scratch_.root() / "usage", 100).value();
  EXPECT_EQ(base::text_of(count), fmt::format("{}\n", 20 * 4096));
}

TEST_F(Cache, MayBeDeletedAtAnyMoment) {
  const auto cache = scratch_.open();
  cache->put("index/a", view_of("abc"));
  fs::remove_all(scratch_.of({}) / "index");
  EXPECT_FALSE(cache->get("index/a", 3));
  cache->put("index/a", view_of("abc"));
  EXPECT_TRUE(cache->get("index/a", 3));
  fs::remove_all(scratch_.root());
  EXPECT_FALSE(cache->get("index/a", 3));
  cache->put("index/b", view_of("abc"));
  cache->drop("index/b");
  EXPECT_THAT(cache->names("index"), IsEmpty());
  EXPECT_FALSE(fs::exists(scratch_.root()));
  scratch_.open()->put("index/c", view_of("abc"));
  EXPECT_EQ(scratch_.files().size(), 1U);
}

TEST_F(Cache, ThreadsAndProcessesShareIt) {
  constexpr std::uint64_t bound = 2 * MiB;
  std::array<std::unique_ptr<CacheFolder>, 4> processes;
  for (auto& one : processes) one = scratch_.open({}, bound);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        CacheFolder& cache = *processes[thread % processes.size()];
        base::Random random(thread);
        for (int i = 0; i < 400; ++i) {
          const std::uint64_t number = random.below(300);
          const std::size_t size = 1 + number * 100;
          const auto copy = cache.get(name_of(number), size);
          if (copy) {
            ASSERT_EQ(*copy, bytes_of(number, size));
          } else {
            cache.put(name_of(number), bytes_of(number, size));
          }
          if (random.below(50) == 0) cache.drop(name_of(number));
        }
      });
    }
  }
  EXPECT_LE(usage(), bound);
  EXPECT_FALSE(scratch_.files().empty());
}

TEST_F(Cache, UnusedOnesAreFoundAndRemoved) {
  scratch_.open(repository(1))->put("trees/p/0-3", view_of("abc"));
  scratch_.open(repository(2))->put("index/a", view_of("abc"));
  set_age(scratch_.of(repository(1)), std::chrono::hours(24 * 40));
  const auto root = CacheRoot::find(scratch_.root()).value();
  const auto unused = root->unused_since(base::now() - std::chrono::hours(24 * 30));
  ASSERT_EQ(unused.size(), 1U);
  EXPECT_EQ(unused[0].repository, repository(1));
  EXPECT_EQ(unused[0].bytes, 4096U);
  root->remove(repository(1));
  EXPECT_FALSE(fs::exists(scratch_.of(repository(1))));
  EXPECT_EQ(scratch_.files().size(), 1U);
  scratch_.open(repository(2));  // opening is use
  EXPECT_THAT(root->unused_since(base::now() - std::chrono::hours(1)), IsEmpty());
  EXPECT_EQ(CacheRoot::find(scratch_.folder() / "none").error().code, Errc::not_found);
}

TEST_F(Cache, AFullOrReadOnlyDiskIsNoFailure) {
  if (::geteuid() != 0) GTEST_SKIP() << "root: only root may mount";
  if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "this system forbids mount namespaces";
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  fs::create_directory(scratch_.root());
  if (::mount("none", scratch_.root().c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0) {
    GTEST_SKIP() << "tmpfs cannot be mounted";
  }
  const auto cache = scratch_.open();
  cache->put("index/a", view_of("abc"));
  testing::internal::CaptureStderr();
  for (std::uint64_t i = 0; i < 50; ++i) cache->put(name_of(i), bytes_of(i, 20 * KiB));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("No space left"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_TRUE(cache->get("index/a", 3));
  EXPECT_THAT(cache->names("tmp"), IsEmpty());

  ASSERT_EQ(::mount("none", scratch_.root().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto read_only = scratch_.open();
  read_only->put("index/b", view_of("abc"));
  read_only->drop("index/a");
  EXPECT_TRUE(read_only->get("index/a", 3));
  ::umount2(scratch_.root().c_str(), MNT_DETACH);
}

TEST(Distance, IsToldByTheKindOfFileSystem) {
  EXPECT_TRUE(is_distant_kind(0x6969));       // NFS
  EXPECT_TRUE(is_distant_kind(0xFE534D42));   // SMB
  EXPECT_TRUE(is_distant_kind(0x65735546));   // FUSE
  EXPECT_FALSE(is_distant_kind(0xEF53));      // ext4
  EXPECT_FALSE(is_distant_kind(0x58465342));  // XFS
  EXPECT_FALSE(is_distant_kind(0x01021994));  // tmpfs
  EXPECT_FALSE(is_distant("/proc"));
  EXPECT_FALSE(is_distant("/does/not/exist"));
}

}  // namespace
}  // namespace stillpoint::storage
