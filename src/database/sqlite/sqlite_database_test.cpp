// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_database.h"

#include <thread>

#include <fcntl.h>

#include "base/file.h"
#include "database/sqlite/location.h"
#include "database/sqlite/page_stream.h"
#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

using testing::ask;
using testing::Child;
using testing::Client;
using testing::Folder;

const auto second = std::chrono::seconds(1);

// Numbers, text and blobs that span pages, an index, and a hole in the middle.
void fill(Client& client, int rows) {
  client.run(
      "BEGIN; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB);"
      "CREATE INDEX t_a ON t(a); CREATE VIEW v AS SELECT a FROM t;");
  client.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
             std::to_string(rows) +
             ") INSERT INTO t SELECT i, hex(randomblob(i%40)), randomblob(i*37%3000) FROM n;");
  client.run("DELETE FROM t WHERE id%7=0 OR id BETWEEN 30 AND 90; COMMIT;");
}

std::unique_ptr<Database> opened(const std::string& path) {
  auto database = open_database({path}, {}).value();
  const auto prepared = database->prepare({});
  EXPECT_TRUE(prepared) << prepared.error().message;
  const auto open = database->open(base::Deadline(second));
  EXPECT_TRUE(open) << open.error().message;
  return database;
}

Part data_of(Database& database) {
  return database.objects().value().at(0).parts.at(0);
}

std::string without_counters(std::string file) {
  for (const std::size_t at : {24, 92, 96}) file.replace(at, 4, 4, '\0');
  return file;
}

struct PageCase {
  int page_bytes;
  std::string journal;
};

class Pages : public ::testing::TestWithParam<PageCase> {};

TEST_P(Pages, AreThoseOfACheckpointedFile) {
  const Folder folder;
  Client client(folder / "a.db");
  client.run("PRAGMA page_size=" + std::to_string(GetParam().page_bytes));
  client.run("PRAGMA journal_mode=" + GetParam().journal);
  client.run("PRAGMA wal_autocheckpoint=0; PRAGMA user_version=77");
  fill(client, 3000);
  std::string copy;
  {
    const auto database = opened(folder / "a.db");
    copy = testing::read_part(*database, data_of(*database));
    EXPECT_EQ(copy, testing::read_part(*database, data_of(*database)));
  }
  client.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string file = folder.files()["a.db"];
  EXPECT_EQ(copy.size(), file.size());
  EXPECT_TRUE(without_counters(copy) == without_counters(file));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Pages,
                         ::testing::Values(PageCase{512, "wal"}, PageCase{1024, "delete"},
                                           PageCase{2048, "wal"}, PageCase{4096, "wal"},
                                           PageCase{4096, "delete"}, PageCase{8192, "truncate"},
                                           PageCase{16384, "wal"}, PageCase{32768, "persist"},
                                           PageCase{65536, "wal"}, PageCase{65536, "delete"}),
                         [](const auto& test) {
                           return std::to_string(test.param.page_bytes) + test.param.journal;
                         });

TEST(SqliteDatabase, ReadsAnEmptyFileAsNothing) {
  const Folder folder;
  std::ofstream(folder / "a.db").flush();
  const auto database = opened(folder / "a.db");
  EXPECT_EQ(testing::read_part(*database, data_of(*database)), "");
}

// Compares what it gets with a file, so that gigabytes need no memory.
class ComparingSink : public Sink {
 public:
  explicit ComparingSink(const base::File& file) : file_(file) {}
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    Bytes expected(bytes.size());
    TRY(file_.read_at(expected, offset));
    if (offset == 0) std::copy_n(bytes.begin(), 100, expected.begin());
    if (!std::equal(bytes.begin(), bytes.end(), expected.begin())) {
      return fail(Errc::corrupt, "differs at {}", offset);
    }
    total += bytes.size();
    return {};
  }
  std::uint64_t total = 0;

 private:
  const base::File& file_;
};

TEST(SqliteDatabase, ReadsAcrossTheLockBytePage) {
  const Folder folder;
  Client(folder / "a.db").run("CREATE TABLE t(x); INSERT INTO t VALUES('x')");
  const auto file = base::File::open(folder / "a.db", O_RDWR).value();
  constexpr std::uint64_t page_bytes = 4096;
  constexpr std::uint32_t pages = lock_byte / page_bytes + 20;
  ASSERT_EQ(::truncate((folder / "a.db").c_str(), static_cast<off_t>(pages * page_bytes)), 0);
  const Bytes count = {static_cast<Byte>(pages >> 24), static_cast<Byte>(pages >> 16),
                       static_cast<Byte>(pages >> 8), static_cast<Byte>(pages)};
  ASSERT_TRUE(file.write_at(count, 28));
  for (const std::uint64_t at :
       {lock_byte - 9, lock_byte + page_bytes, lock_byte + 19 * page_bytes}) {
    ASSERT_TRUE(file.write_at(base::view_of("here I am"), at));
  }
  const auto database = opened(folder / "a.db");
  ComparingSink sink(file);
  const auto read = database->read(data_of(*database), sink, {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(sink.total, pages * page_bytes);
}

TEST(SqliteDatabase, StaysAtItsSnapshotWhileTheFileGrowsUnderIt) {
  const Folder folder;
  Client client(folder / "a.db");
  client.run("PRAGMA journal_mode=WAL");
  fill(client, 3000);
  const std::string before = client.ask("SELECT id, a, hex(b) FROM t");
  const auto database = opened(folder / "a.db");
  const std::string copy = testing::read_part(*database, data_of(*database), [&] {
    EXPECT_TRUE(
        client.run("UPDATE t SET a='changed' WHERE id%5=0;"
                   "INSERT INTO t(a, b) SELECT a, b FROM t LIMIT 500;"
                   "CREATE TABLE IF NOT EXISTS later(x)"));
  });
  std::ofstream(folder / "copy.db", std::ios::binary) << copy;
  EXPECT_TRUE(before == ask(folder / "copy.db", "SELECT id, a, hex(b) FROM t"));
  EXPECT_EQ(ask(folder / "copy.db", "PRAGMA integrity_check"), "ok");
  EXPECT_NE(client.ask("SELECT count(*) FROM t"),
            ask(folder / "copy.db", "SELECT count(*) FROM t"));
}

TEST(SqliteDatabase, ListsAndCountsWhatThereIs) {
  const Folder folder;
  Client client(folder / "a.db");
  fill(client, 100);
  client.run(
      "CREATE TABLE \"odd \"\" name\"(id INTEGER PRIMARY KEY AUTOINCREMENT);"
      "INSERT INTO \"odd \"\" name\" DEFAULT VALUES; CREATE VIRTUAL TABLE f USING fts5(x);"
      "INSERT INTO f VALUES('word'); ANALYZE");
  // A module and a collation that only their application has.
  client.run(
      "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('table','gone','gone',0,"
      "'CREATE VIRTUAL TABLE gone USING unheard_of(x)'); PRAGMA writable_schema=OFF");
  sqlite3_create_collation(client.handle(), "ours", SQLITE_UTF8, nullptr,
                           [](void*, int, const void*, int, const void*) { return 0; });
  client.run(
      "CREATE TABLE c(x TEXT COLLATE ours); CREATE INDEX c_x ON c(x);"
      "INSERT INTO c VALUES('q')");
  const auto database = opened(folder / "a.db");
  auto objects = database->objects().value();
  const auto counted = database->count(objects, {});
  ASSERT_TRUE(counted) << counted.error().message;
  std::map<std::string, std::string> found;
  for (const auto& object : objects) {
    found[object.name] = object.kind + (object.rows ? " " + std::to_string(*object.rows) : "");
  }
  EXPECT_EQ(found["t"], "table " + client.ask("SELECT count(*) FROM t"));
  EXPECT_EQ(found["odd \" name"], "table 1");
  EXPECT_EQ(found["sqlite_sequence"], "table 1");
  EXPECT_EQ(found["sqlite_stat1"].substr(0, 5), "table");
  EXPECT_EQ(found["f"], "virtual table 1");
  EXPECT_EQ(found["gone"], "virtual table");
  EXPECT_EQ(found["c"], "table 1");
  EXPECT_EQ(found["v"], "view");
  EXPECT_EQ(found["t_a"], "index");
  EXPECT_EQ(found["a.db"], "file");
  const std::string schema = testing::read_part(*database, {.path = "schema/schema.sql"});
  EXPECT_NE(schema.find("CREATE INDEX t_a ON t(a);\n"), std::string::npos);
}

TEST(SqliteDatabase, SaysWhyItCannotOpen) {
  const Folder folder;
  const auto error_of = [](const std::string& path) {
    return open_database({path}, {}).value()->prepare({}).error();
  };
  EXPECT_EQ(error_of(folder / "missing.db").code, Errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(folder / "missing.db"));
  EXPECT_EQ(error_of(folder.path()).code, Errc::invalid);
  EXPECT_NE(error_of(folder.path()).message.find("it is a folder"), std::string::npos);
  std::ofstream(folder / "garbage.db") << std::string(8192, 'g');
  EXPECT_EQ(error_of(folder / "garbage.db").code, Errc::corrupt);
  EXPECT_NE(error_of(folder / "garbage.db").message.find("encrypted"), std::string::npos);
}

TEST(SqliteDatabase, NamesWhoLocksIt) {
  const Folder folder;
  Client(folder / "a.db").run("CREATE TABLE t(x)");
  Child holder([&] {
    Client client(folder / "a.db");
    client.run("BEGIN EXCLUSIVE");
    Child::ready_and_sleep();
  });
  holder.wait_until_ready();
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(second / 5);
    stop.request_stop();
  });
  const auto database = open_database({folder / "a.db"}, {}).value();
  EXPECT_EQ(database->prepare(stop.get_token()).error().code, Errc::cancelled);
  const Error error = open_database({folder / "a.db"}, {}).value()->prepare({}).error();
  EXPECT_EQ(error.code, Errc::busy);
  EXPECT_NE(error.message.find(holder.id()), std::string::npos) << error.message;
}

TEST(SqliteDatabase, LeavesTheLogOfAKilledWriterAsItIs) {
  const Folder folder;
  Child writer([&] {
    Client client(folder / "a.db");
    client.run("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES('in the log')");
    ::_exit(0);
  });
  writer.wait();
  const auto before = folder.files();
  ASSERT_GT(before.at("a.db-wal").size(), 0U);
  std::string copy;
  {
    const auto database = opened(folder / "a.db");
    copy = testing::read_part(*database, data_of(*database));
  }
  EXPECT_EQ(folder.files(), before);
  std::ofstream(folder / "copy.db", std::ios::binary) << copy;
  EXPECT_EQ(ask(folder / "copy.db", "SELECT x FROM t"), "in the log");
}

TEST(SqliteDatabase, PassesOnTheErrorOfTheSink) {
  struct Full : Sink {
    Result<void> write(std::uint64_t, ByteView) override { return fail(Errc::no_space, "full"); }
  };
  const Folder folder;
  Client client(folder / "a.db");
  fill(client, 3000);
  const auto database = opened(folder / "a.db");
  Full sink;
  EXPECT_EQ(database->read(data_of(*database), sink, {}).error().code, Errc::no_space);
  EXPECT_FALSE(testing::read_part(*database, data_of(*database)).empty());
}

TEST(SqliteDatabase, IsReadByManyThreadsAtOnce) {
  const Folder folder;
  Client client(folder / "a.db");
  client.run("PRAGMA journal_mode=WAL");
  fill(client, 2000);
  const auto reference = opened(folder / "a.db");
  const std::string copy = testing::read_part(*reference, data_of(*reference));
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        const auto database = opened(folder / "a.db");
        EXPECT_TRUE(copy == testing::read_part(*database, data_of(*database)));
      }
    });
  }
}

TEST(SqliteDatabase, GivesTheMarkWhileAWriterWaitsForIt) {
  const Folder folder;
  Client(folder / "a.db").run("CREATE TABLE t(x)");
  Child writer([&] {
    Child::wait_for_go();
    Client client(folder / "a.db");
    client.run("INSERT INTO t VALUES(1)");  // waits with a pending lock
  });
  const auto database = opened(folder / "a.db");
  EXPECT_TRUE(database->capabilities().writers_wait);
  EXPECT_EQ(database->warnings().size(), 1U);
  const std::string mark = database->write_mark().value();
  writer.go();
  while (!std::filesystem::exists(folder / "a.db-journal")) ::usleep(1000);
  ::usleep(50'000);
  const base::Deadline soon(second);
  EXPECT_EQ(database->write_mark().value(), mark);
  EXPECT_FALSE(soon.passed());
}

TEST(Location, UnderstandsUrlsAndPaths) {
  EXPECT_EQ(path_of("sqlite:///srv/a.db").value(), "/srv/a.db");
  EXPECT_EQ(path_of("sqlite:/srv/a.db").value(), "/srv/a.db");
  EXPECT_EQ(path_of("/srv/x/../a b.db").value(), "/srv/a b.db");
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(path_of("sqlite:sub/a.db").value(), here + "/sub/a.db");
  EXPECT_EQ(path_of("a.db").value(), here + "/a.db");
  EXPECT_EQ(path_of("sqlite://host/a.db").error().code, Errc::invalid);
  EXPECT_EQ(path_of("sqlite:").error().code, Errc::invalid);
}

}  // namespace
}  // namespace stillpoint::database::sqlite
