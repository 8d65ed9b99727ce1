// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_target.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "database/sqlite/sqlite_database.h"
#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

using testing::ask;
using testing::Child;
using testing::Client;
using testing::Copy;
using testing::Folder;

constexpr const char* all_rows = "SELECT group_concat(x) FROM (SELECT x FROM t ORDER BY x)";

Copy backup_of(const std::string& path) {
  const auto database = open_database({path}, {}).value();
  EXPECT_TRUE(database->prepare({}));
  EXPECT_TRUE(database->open(base::Deadline(std::chrono::seconds(1))));
  return testing::copy_of(*database);
}

Content bytes(std::uint64_t count) {
  return {"test", count, {}, {}, {}};
}

std::string message_of(const Result<std::string>& result) {
  return result ? "" : result.error().message;
}

// A database whose backup holds "old", and after which a process was killed that had written "new"
// in the given journal mode: in a log, or half of it in the database with a journal to undo it.
Copy make_killed(const Folder& folder, const std::string& journal) {
  const std::string path = folder / "a.db";
  Client(path).run("PRAGMA synchronous=OFF; PRAGMA journal_mode=" + journal +
                   "; CREATE TABLE t(x); INSERT INTO t VALUES('old');"
                   "CREATE TABLE big(x); INSERT INTO big VALUES(zeroblob(40000))");
  const Copy copy = backup_of(path);
  Child writer([&] {
    Client client(path);
    client.run("PRAGMA cache_size=1; PRAGMA synchronous=OFF");
    if (journal == "delete") client.run("BEGIN");
    client.run("INSERT INTO t VALUES('new'); UPDATE big SET x=randomblob(40000)");
    ::_exit(0);
  });
  writer.wait();
  return copy;
}

enum class Old { healthy, damaged, missing };

class StaleFiles : public ::testing::TestWithParam<std::tuple<std::string, Old>> {};

TEST_P(StaleFiles, NeverMeetTheNewDatabase) {
  const auto& [journal, old] = GetParam();
  const Folder folder;
  const std::string path = folder / "a.db";
  const std::string side = path + (journal == "wal" ? "-wal" : "-journal");
  const Copy copy = make_killed(folder, journal);
  ASSERT_GT(std::filesystem::file_size(side), 0U);
  if (old == Old::damaged) std::ofstream(path, std::ios::binary) << std::string(8192, 'g');
  if (old == Old::missing) std::filesystem::remove(path);
  SqliteTarget target(path);
  const auto kept = testing::restore(target, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    EXPECT_FALSE(std::filesystem::exists(path + suffix)) << suffix;
  }
  EXPECT_EQ(ask(path, all_rows), "old");
  EXPECT_EQ(ask(path, "SELECT x=zeroblob(40000) FROM big"), "1");
  EXPECT_EQ(ask(path, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(kept->empty(), old == Old::missing);
  if (old == Old::healthy) {
    EXPECT_EQ(ask(*kept, all_rows), journal == "wal" ? "new,old" : "old");
    EXPECT_EQ(ask(*kept, "PRAGMA journal_mode"), journal);
    EXPECT_EQ(ask(*kept, "PRAGMA integrity_check"), "ok");
  } else {  // the log is kept beside the name of the old
    bool found = false;
    for (const auto& [name, bytes] : folder.files()) {
      found = found || (name.starts_with("a_before_") && name.ends_with(side.substr(path.size())));
    }
    EXPECT_TRUE(found);
  }
}

std::string stale_name(const ::testing::TestParamInfo<std::tuple<std::string, Old>>& test) {
  const auto& [journal, old] = test.param;
  return journal + (old == Old::healthy ? "Healthy" : old == Old::damaged ? "Damaged" : "Missing");
}

INSTANTIATE_TEST_SUITE_P(All, StaleFiles,
                         ::testing::Combine(::testing::Values("wal", "delete"),
                                            ::testing::Values(Old::healthy, Old::damaged,
                                                              Old::missing)),
                         stale_name);

class Fence : public ::testing::TestWithParam<std::string> {};

TEST_P(Fence, KeepsOthersOutAndChangesNothing) {
  const Folder folder;
  const std::string path = folder / "a.db";
  Client(path).run("PRAGMA journal_mode=" + GetParam() + "; CREATE TABLE t(x)");
  const auto before = folder.files();
  SqliteTarget target(path);
  ASSERT_TRUE(target.prepare(bytes(10), {}));
  ASSERT_TRUE(target.fence());
  {
    Client other(path);
    other.patience(0);
    EXPECT_FALSE(other.run("INSERT INTO t VALUES(1)"));
    EXPECT_FALSE(other.run("SELECT * FROM t"));
  }
  ASSERT_TRUE(target.unfence());
  ASSERT_TRUE(target.discard());
  EXPECT_EQ(folder.files(), before);
  Client other(path);
  EXPECT_TRUE(other.run("INSERT INTO t VALUES(1)"));
  EXPECT_EQ(other.ask("PRAGMA journal_mode"), GetParam());
}

TEST_P(Fence, RefusesAConnectionThatProcDoesNotShow) {
  const Folder folder;
  const std::string path = folder / "a.db";
  Client other(path);  // our own process is left out of what /proc shows
  other.run("PRAGMA journal_mode=" + GetParam() + "; CREATE TABLE t(x); BEGIN; SELECT * FROM t");
  SqliteTarget target(path);
  ASSERT_TRUE(target.prepare(bytes(10), {}));
  const auto fenced = target.fence();
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, Errc::busy);
  other.run("COMMIT; INSERT INTO t VALUES('x')");
  EXPECT_EQ(other.ask("SELECT * FROM t"), "x");
}

INSTANTIATE_TEST_SUITE_P(Modes, Fence, ::testing::Values("wal", "delete"),
                         [](const auto& test) { return test.param; });

TEST(SqliteTarget, NamesWhoHasItOpen) {
  const Folder folder;
  const std::string path = folder / "a.db";
  Client(path).run("PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
  Child user([&] {
    Client client(path);
    client.run("SELECT * FROM t");
    Child::ready_and_sleep();
  });
  user.wait_until_ready();
  SqliteTarget target(path);
  ASSERT_TRUE(target.prepare(bytes(10), {}));
  EXPECT_NE(target.inspect().value().used_by.at(0).find(user.id()), std::string::npos);
  const auto fenced = target.fence();
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, Errc::busy);
  EXPECT_NE(fenced.error().message.find(user.id()), std::string::npos);
  user.kill();
  EXPECT_TRUE(target.fence());
}

bool changes_files(std::uint64_t call) {
  for (const long change : {SYS_renameat2, SYS_unlink, SYS_ftruncate, SYS_pwrite64, SYS_fsync,
                            SYS_fdatasync, SYS_write}) {
    if (call == static_cast<std::uint64_t>(change)) return true;
  }
  return false;
}

// Another process does `work` and is killed right before its `number`th change of files. False
// where it has come to its end before that.
bool killed_before_change(int number, const std::function<void()>& prepare,
                          const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    prepare();
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    work();
    ::_exit(0);
  }
  int status = 0;
  for (int changes = 0; ::waitpid(child, &status, 0) == child && WIFSTOPPED(status);) {
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    __ptrace_syscall_info info = {};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
    const bool enters = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    if (enters && changes_files(info.entry.nr) && ++changes == number) {
      ::kill(child, SIGKILL);
    } else {
      ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    }
  }
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

class Killed : public ::testing::TestWithParam<std::string> {};

TEST_P(Killed, InTheMiddleOfTheSwitchLeavesTheOldOrTheNew) {
  bool killed = true;
  int points = 0;
  for (; killed; ++points) {
    const Folder folder;
    const std::string path = folder / "a.db";
    make_killed(folder, GetParam());
    Client(folder / "b.db").run("CREATE TABLE t(x); INSERT INTO t VALUES('restored')");
    const Copy copy = backup_of(folder / "b.db");
    SqliteTarget target(path);
    killed = killed_before_change(
        points + 1,
        [&] {
          if (!testing::stage_all(target, copy) || !target.fence()) ::_exit(1);
        },
        [&] {
          if (!target.swap()) ::_exit(1);
        });
    // In a log the newer rows had been committed; what a journal undoes had not.
    const std::string rows = ask(path, all_rows);
    const std::string old = GetParam() == "wal" ? "new,old" : "old";
    EXPECT_TRUE(rows == "restored" || rows == old) << points << ": " << rows;
    if (rows == old) {
      const std::string undone = ask(path, "SELECT x=zeroblob(40000) FROM big");
      EXPECT_EQ(undone, GetParam() == "wal" ? "0" : "1") << points;
    }
    EXPECT_TRUE(rows == "restored" || killed) << points;
    EXPECT_EQ(ask(path, "PRAGMA integrity_check"), "ok") << points;
  }
  EXPECT_GT(points, 5);
}

// Whether the switch, killed right before its `number`th change of files, came to its end.
bool switch_with_ticket(const Folder& folder, const std::string& mode, int number, bool undo) {
  const std::string path = folder / "a.db";
  make_killed(folder, mode);
  Client(folder / "b.db").run("CREATE TABLE t(x); INSERT INTO t VALUES('restored')");
  SqliteTarget target(path);
  EXPECT_TRUE(testing::stage_all(target, backup_of(folder / "b.db")));
  const FileTicket ticket = decode_ticket(target.hand_over().value()).value();
  const bool killed = killed_before_change(
      number, [] {},
      [&] {
        FileSwitchover one(ticket);
        if (!one.close(false) || !one.swap() || !one.open()) ::_exit(1);
      });
  FileSwitchover again(ticket);
  if (undo) {
    EXPECT_TRUE(again.swap_back() && again.open() && again.discard()) << number;
  } else {
    EXPECT_TRUE(again.close(false) && again.swap() && again.open()) << number;
  }
  return !killed;
}

TEST_P(Killed, InTheMiddleOfASwitchWithATicketIsGoneOnWithOrUndone) {
  const std::string old = GetParam() == "wal" ? "new,old" : "old";
  for (const bool undo : {false, true}) {
    bool ended = false;
    for (int number = 1; !ended; ++number) {
      const Folder folder;
      ended = switch_with_ticket(folder, GetParam(), number, undo);
      EXPECT_EQ(ask(folder / "a.db", all_rows), undo ? old : "restored") << number;
      EXPECT_EQ(ask(folder / "a.db", "PRAGMA integrity_check"), "ok") << number;
      for (const auto& [name, content] : folder.files()) {
        EXPECT_EQ(name.find("stillpoint-"), std::string::npos) << name << " at " << number;
      }
      EXPECT_TRUE(!ended || number > 5) << number;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Killed, ::testing::Values("wal", "delete"),
                         [](const auto& test) { return test.param; });

TEST(SqliteTarget, RemovesWhatAKilledRestoreHadStagedAndNothingElse) {
  const Folder folder;
  const std::string path = folder / "a.db";
  Child killed([&] {
    SqliteTarget target(path);
    EXPECT_TRUE(target.prepare(bytes(10), {}));
    ::_exit(0);  // no destructor runs
  });
  killed.wait();
  ASSERT_EQ(folder.files().size(), 1U);
  const std::string foreign = folder / "a.db.stillpoint-notes";
  std::ofstream(foreign) << "x";
  SqliteTarget target(path);
  ASSERT_TRUE(target.prepare(bytes(10), {}));
  EXPECT_EQ(folder.files().size(), 2U);  // ours, and what is not ours to remove
  EXPECT_TRUE(std::filesystem::exists(foreign));
  SqliteTarget second(path);
  ASSERT_TRUE(second.prepare(bytes(10), {}));
  EXPECT_EQ(folder.files().size(), 3U);  // the first is alive
}

TEST(SqliteTarget, FollowsLinksAndTakesOverTheMode) {
  const Folder folder;
  Client(folder / "real.db").run("CREATE TABLE t(x); INSERT INTO t VALUES('kept')");
  ASSERT_EQ(::chmod((folder / "real.db").c_str(), 0640), 0);
  std::filesystem::create_symlink("real.db", folder / "link.db");
  const Copy copy = backup_of(folder / "real.db");
  Client(folder / "real.db").run("DELETE FROM t");
  SqliteTarget target(folder / "link.db");
  const auto kept = testing::restore(target, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(kept->starts_with(folder / "real_before_")) << *kept;
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.db"));
  EXPECT_EQ(ask(folder / "real.db", all_rows), "kept");
  struct stat info = {};
  ASSERT_EQ(::stat((folder / "real.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST(SqliteTarget, RestoresAnEmptyDatabaseAndOneWithForeignCollations) {
  const Folder folder;
  std::ofstream(folder / "empty.db").flush();
  SqliteTarget empty(folder / "empty_restored.db");
  EXPECT_EQ(message_of(testing::restore(empty, backup_of(folder / "empty.db"))), "");
  EXPECT_EQ(std::filesystem::file_size(folder / "empty_restored.db"), 0U);
  {
    Client client(folder / "ours.db");
    const auto reversed = [](void*, int, const void* a, int, const void* b) {
      return *static_cast<const char*>(b) - *static_cast<const char*>(a);
    };
    sqlite3_create_collation(client.handle(), "ours", SQLITE_UTF8, nullptr, reversed);
    client.run(
        "CREATE TABLE t(x TEXT COLLATE ours); CREATE INDEX i ON t(x);"
        "INSERT INTO t VALUES('a'),('b'),('c')");
  }
  SqliteTarget ours(folder / "ours_restored.db");
  EXPECT_EQ(message_of(testing::restore(ours, backup_of(folder / "ours.db"))), "");
}

TEST(SqliteTarget, SeesWhatIsWrongWithTheStagedData) {
  const Folder folder;
  Client(folder / "a.db")
      .run("CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t VALUES('one'),('two')");
  const Copy good = backup_of(folder / "a.db");
  const auto error_of = [&](const Copy& copy) {
    SqliteTarget target(folder / "b.db");
    const auto staged = testing::stage_all(target, copy);
    EXPECT_TRUE(staged);
    const auto verified = target.verify({});
    EXPECT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Errc::corrupt);
    EXPECT_NE(verified.error().advice.find("another backup"), std::string::npos);
    return verified.error().message;
  };
  Copy bad = good;
  std::string& data = bad.parts.at("data/a.db");
  data.replace(data.find("two"), 3, "owt");
  EXPECT_NE(error_of(bad).find("integrity check"), std::string::npos);
  bad = good;
  bad.parts.at("data/a.db") = std::string(4096, 'g');
  EXPECT_NE(error_of(bad).find("not an SQLite database"), std::string::npos);
  bad = good;
  for (Object& object : bad.objects) {
    if (object.name == "t") object.rows = 3;
  }
  EXPECT_NE(error_of(bad).find("table t has 2 rows, the backup says 3"), std::string::npos);
  bad = good;
  bad.objects.push_back({.kind = "table", .name = "lost"});
  EXPECT_NE(error_of(bad).find("table lost is missing"), std::string::npos);
  bad = good;
  bad.objects.pop_back();
  EXPECT_NE(error_of(bad).find("knows nothing of index i"), std::string::npos);
  EXPECT_EQ(folder.files().size(), 1U);
}

TEST(SqliteTarget, SaysWhyItCannotRestoreThere) {
  const Folder folder;
  EXPECT_EQ(SqliteTarget(folder.path()).prepare(bytes(1), {}).error().code, Errc::invalid);
  EXPECT_EQ(SqliteTarget(folder / "none/a.db").prepare(bytes(1), {}).error().code, Errc::not_found);
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(SqliteTarget(folder / "fifo").inspect().error().code, Errc::invalid);
  const Error full =
      SqliteTarget(folder / "a.db").prepare(bytes(std::uint64_t{1} << 59), {}).error();
  EXPECT_EQ(full.code, Errc::no_space);
  EXPECT_NE(full.message.find("512.0 PiB"), std::string::npos) << full.message;
  SqliteTarget target(folder / "a.db");
  ASSERT_TRUE(target.prepare(bytes(10), {}));
  EXPECT_EQ(target.stage("rows/t", 1, {}).error().code, Errc::unsupported);
  EXPECT_EQ(target.stage("data/a.db", 10, {}).value()->finish().error().code, Errc::corrupt);
  EXPECT_EQ(target.swap().error().code, Errc::internal);
  EXPECT_TRUE(target.discard());
  EXPECT_TRUE(target.discard());
}

}  // namespace
}  // namespace stillpoint::database::sqlite
