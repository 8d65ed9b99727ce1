// SPDX-License-Identifier: Apache-2.0
// What is peculiar to file systems; the promises are checked by tests/conformance.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "storage/local/local_backend.h"
#include "storage/local/temporary.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;
using base::view_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Local : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "stillpoint-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    root_ = folder_ / "storage";
  }
  void TearDown() override {
    ::umount2(root_.c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }

  // A small file system of our own at the root, or why there is none.
  std::string mount(const char* options) {
    if (::geteuid() != 0) return "only root may mount";
    if (::unshare(CLONE_NEWNS) != 0) return "this system forbids mount namespaces";
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return "no private mounts";
    fs::create_directories(root_);
    return ::mount("none", root_.c_str(), "tmpfs", 0, options) == 0 ? ""
                                                                    : "tmpfs cannot be mounted";
  }

  std::unique_ptr<Backend> open() { return open_local(root_).value(); }

  std::vector<std::string> files(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> listed(Backend& backend) {
    std::vector<std::string> names;
    const auto done = backend.list("", [&](const ObjectInfo& info) -> Result<void> {
      names.push_back(info.name);
      return {};
    });
    EXPECT_TRUE(done.has_value());
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path folder_;
  fs::path root_;
};

unsigned mode_of(const fs::path& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST_F(Local, CreatesNothingBeforeTheFirstPut) {
  const auto backend = open();
  EXPECT_EQ(backend->get("a").error().code, Errc::not_found);
  EXPECT_EQ(backend->stat("a").error().code, Errc::not_found);
  EXPECT_TRUE(backend->remove("a"));
  EXPECT_THAT(listed(*backend), IsEmpty());
  EXPECT_FALSE(fs::exists(root_));
  ASSERT_TRUE(
      backend->put("a", view_of("x"), PutMode::create_only));  // the same object still works
  EXPECT_TRUE(backend->get("a"));
}

TEST_F(Local, KeepsObjectsInPlainFilesOfTheirOwner) {
  root_ /= "made/with/parents";
  const auto backend = open();
  ASSERT_TRUE(backend->put("data/0a/0abc", view_of("content"), PutMode::create_only));
  EXPECT_EQ(base::text_of(base::read_file(root_ / "data/0a/0abc", 100).value()), "content");
  EXPECT_EQ(mode_of(root_), 0700U);
  EXPECT_EQ(mode_of(root_ / "data/0a"), 0700U);
  EXPECT_EQ(mode_of(root_ / "tmp"), 0700U);
  EXPECT_EQ(mode_of(root_ / "data/0a/0abc"), 0600U);
  EXPECT_THAT(files(root_ / "tmp"), IsEmpty());
}

TEST_F(Local, SaysThatTheRootIsAFile) {
  ASSERT_TRUE(base::replace_file(root_, view_of("x")));
  for (const fs::path& root : {root_, root_ / "below"}) {
    const auto backend = open_local(root).value();
    const Result<void> put = backend->put("a", {}, PutMode::replace);
    EXPECT_EQ(put.error().code, Errc::invalid);
    EXPECT_THAT(put.error().message, HasSubstr(root.string()));
    EXPECT_EQ(backend->get("a").error().code, Errc::invalid);
    EXPECT_EQ(backend->stat("a").error().code, Errc::invalid);
    EXPECT_EQ(backend->remove("a").error().code, Errc::invalid);
    EXPECT_EQ(backend->list("", [](auto&) -> Result<void> { return {}; }).error().code,
              Errc::invalid);
  }
}

TEST_F(Local, RefusesObjectsThatMeetFoldersAndFoldersThatMeetObjects) {
  const auto backend = open();
  ASSERT_TRUE(backend->put("a", {}, PutMode::create_only));
  ASSERT_TRUE(backend->put("b/c", {}, PutMode::create_only));
  for (const PutMode mode : {PutMode::create_only, PutMode::replace}) {
    EXPECT_EQ(backend->put("a/b", {}, mode).error().code, Errc::invalid);
    EXPECT_EQ(backend->put("a/b/c", {}, mode).error().code, Errc::invalid);
    EXPECT_EQ(backend->put("b", {}, mode).error().code, Errc::invalid);
  }
  EXPECT_TRUE(backend->remove("b"));  // no object: nothing to do
  EXPECT_THAT(listed(*backend), ElementsAre("a", "b/c"));
  EXPECT_THAT(files(root_ / "tmp"), IsEmpty());
}

TEST_F(Local, ListsOnlyWhatMayBeAnObject) {
  const auto backend = open();
  ASSERT_TRUE(backend->put("data/a", {}, PutMode::create_only));
  for (const char* name : {"tmp/1-0123456789abcdef", ".nfs0001", "data/README", "lost+found"}) {
    ASSERT_TRUE(base::replace_file(root_ / name, view_of("x")));
  }
  fs::create_symlink("a", root_ / "data/link");
  fs::create_symlink("nowhere", root_ / "data/dangling");
  fs::create_symlink("loop", root_ / "data/loop");
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(listed(*backend), ElementsAre("data/a"));
  for (const char* name : {"data/link", "data/dangling", "data/loop", "pipe", "data"}) {
    EXPECT_EQ(backend->get(name).error().code, Errc::not_found) << name;
    EXPECT_EQ(backend->stat(name).error().code, Errc::not_found) << name;
  }
}

TEST_F(Local, FollowsLinksToFoldersInEveryMember) {
  fs::create_directories(root_ / "real");
  fs::create_directory_symlink("real", root_ / "data");
  const auto backend = open();
  ASSERT_TRUE(backend->put("data/a", view_of("x"), PutMode::create_only));
  EXPECT_TRUE(backend->get("data/a"));
  EXPECT_THAT(listed(*backend), ElementsAre("data/a", "real/a"));
}

TEST_F(Local, CreatesFoldersAgainThatSomebodyRemoved) {
  const auto backend = open();
  ASSERT_TRUE(backend->put("data/0a/x", {}, PutMode::create_only));
  fs::remove_all(root_ / "data");
  fs::remove_all(root_ / "tmp");
  EXPECT_TRUE(backend->put("data/0a/y", {}, PutMode::create_only));
  EXPECT_THAT(listed(*backend), ElementsAre("data/0a/y"));
}

TEST_F(Local, StaysWithTheRootThatItOpened) {
  const auto backend = open();
  ASSERT_TRUE(backend->put("a", {}, PutMode::create_only));
  fs::rename(root_, folder_ / "moved");
  fs::create_directory(root_);  // as the empty mount point that an unmounted disk leaves
  ASSERT_TRUE(backend->put("b", {}, PutMode::create_only));
  EXPECT_THAT(files(root_), IsEmpty());
  EXPECT_TRUE(fs::exists(folder_ / "moved/b"));
}

TEST_F(Local, RemovesWhatDeadWritersLeftBehindADayAgo) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);  // its number names no process now
  fs::create_directories(root_ / "tmp");
  const std::string old_dead = fmt::format("{}-0000000000000001", child);
  const std::string old_alive = fmt::format("{}-0000000000000002", ::getpid());
  const std::string new_dead = fmt::format("{}-0000000000000003", child);
  const std::string foreign = "notes";
  for (const std::string& name : {old_dead, old_alive, new_dead, foreign}) {
    ASSERT_TRUE(base::replace_file(root_ / "tmp" / name, view_of("x")));
    if (name == new_dead) continue;
    fs::last_write_time(root_ / "tmp" / name,
                        fs::file_time_type::clock::now() - std::chrono::hours(25));
  }
  const auto backend = open();
  ASSERT_TRUE(backend->put("a", {}, PutMode::create_only));
  std::vector<std::string> left = {old_alive, new_dead, foreign};
  std::sort(left.begin(), left.end());
  EXPECT_EQ(files(root_ / "tmp"), left);
}

TEST_F(Local, ReportsAFullDiskAndLeavesNoHalfFile) {
  const std::string why_not = mount("size=1m");
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  const auto backend = open();
  ASSERT_TRUE(backend->put("a", view_of("old"), PutMode::create_only));
  for (const PutMode mode : {PutMode::replace, PutMode::create_only}) {
    const std::string name = mode == PutMode::replace ? "a" : "b";
    const Error error = backend->put(name, Bytes(2'000'000), mode).error();
    EXPECT_EQ(error.code, Errc::no_space);
    EXPECT_THAT(error.message, HasSubstr(root_.string()));
    EXPECT_THAT(error.message, HasSubstr("No space left"));
    EXPECT_THAT(error.advice, HasSubstr("free some space"));
  }
  EXPECT_THAT(files(root_ / "tmp"), IsEmpty());
  EXPECT_EQ(base::text_of(backend->get("a").value()), "old");
  EXPECT_TRUE(backend->put("b", Bytes(500'000), PutMode::create_only));
}

TEST_F(Local, ReportsReadOnlyMedia) {
  const std::string why_not = mount("size=1m");
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  ASSERT_TRUE(open()->put("a", view_of("x"), PutMode::create_only));
  ASSERT_EQ(::mount("none", root_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto backend = open();
  const Error put = backend->put("b", {}, PutMode::create_only).error();
  EXPECT_EQ(put.code, Errc::denied);
  EXPECT_THAT(put.message, HasSubstr("Read-only file system"));
  EXPECT_EQ(backend->remove("a").error().code, Errc::denied);
  EXPECT_TRUE(backend->get("a"));
  EXPECT_THAT(listed(*backend), ElementsAre("a"));
}

TEST_F(Local, ReportsMissingPermissions) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0500), 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root && ::seteuid(65534) != 0) GTEST_SKIP() << "no other user to become";
  const Result<void> put = open()->put("a", {}, PutMode::create_only);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod(folder_.c_str(), 0700), 0);
  EXPECT_EQ(put.error().code, Errc::denied);
  EXPECT_THAT(put.error().message, HasSubstr(root_.string()));
  EXPECT_THAT(put.error().advice, HasSubstr("permissions"));
}

// Where renameat2 cannot do it, link does: both must let exactly one of many creators win.
TEST_F(Local, BothWaysToCreateHaveOneWinner) {
  fs::create_directories(root_);
  const base::File folder = base::File::open(root_, O_RDONLY | O_DIRECTORY).value();
  for (const auto create : {rename_exclusively, link_exclusively}) {
    std::atomic<int> winners = 0;
    std::atomic<int> losers = 0;
    {
      std::vector<std::jthread> racers;
      racers.reserve(8);
      for (int i = 0; i < 8; ++i) {
        racers.emplace_back([&, i] {
          const std::string own = fmt::format("own-{}", i);
          const auto written = base::replace_file(root_ / own, view_of(own));
          const int error =
              written ? create({folder.descriptor(), own}, {folder.descriptor(), "object"}) : EIO;
          winners += error == 0 ? 1 : 0;
          losers += error == EEXIST ? 1 : 0;
        });
      }
    }
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, 7);
    fs::remove(root_ / "object");
  }
}

}  // namespace
}  // namespace stillpoint::storage
