// SPDX-License-Identifier: Apache-2.0
// Money that moves between accounts while they are read: it must add up in every copy.
#include <vector>

#include <fcntl.h>

#include "base/file.h"
#include "base/random.h"
#include "database/sqlite/sqlite_database.h"
#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

using testing::ask;
using testing::Child;
using testing::Client;
using testing::Folder;

constexpr int accounts = 3000;

void open_bank(const std::string& path) {
  Client client(path);
  client.run(
      "PRAGMA journal_mode=WAL; CREATE TABLE bank(id INTEGER PRIMARY KEY, balance, pad);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
      std::to_string(accounts) + ") INSERT INTO bank SELECT i, 100, zeroblob(300) FROM n");
}

[[noreturn]] void transfer_forever(const std::string& path, std::uint64_t seed) {
  base::Random random(seed);
  Client client(path);
  client.run("PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=20");
  Child::ready();
  for (;;) {
    const auto account = [&] { return std::to_string(1 + random.below(accounts)); };
    client.run("BEGIN IMMEDIATE");
    client.run("UPDATE bank SET balance=balance-7 WHERE id=" + account());
    client.run("UPDATE bank SET balance=balance+7 WHERE id=" + account());
    client.run("COMMIT");
  }
}

std::vector<std::unique_ptr<Child>> writers_of(const std::string& path) {
  std::vector<std::unique_ptr<Child>> writers;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    writers.push_back(std::make_unique<Child>([&] { transfer_forever(path, seed); }));
  }
  for (const auto& writer : writers) writer->wait_until_ready();
  return writers;
}

bool adds_up(const std::string& path) {
  return ask(path, "SELECT sum(balance), count(*) FROM bank") ==
             std::to_string(accounts * 100) + "|" + std::to_string(accounts) &&
         ask(path, "PRAGMA integrity_check") == "ok";
}

TEST(Bank, AddsUpInEveryCopyWhileFourProcessesMoveItsMoney) {
  const Folder folder;
  open_bank(folder / "bank.db");
  const auto writers = writers_of(folder / "bank.db");
  std::string before;
  int changed = 0;
  for (int round = 0; round < 15; ++round) {
    const auto database = open_database({folder / "bank.db"}, {}).value();
    ASSERT_TRUE(database->prepare({}));
    ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(5))));
    // A pause at the first piece, so that there are commits in the middle of the reading.
    bool paused = false;
    const std::string copy =
        testing::read_part(*database, database->objects().value().at(0).parts.at(0), [&] {
          if (!std::exchange(paused, true)) ::usleep(20'000);
        });
    std::ofstream(folder / "copy.db", std::ios::binary) << copy;
    EXPECT_TRUE(adds_up(folder / "copy.db")) << round;
    std::filesystem::remove(folder / "copy.db");
    changed += copy != before ? 1 : 0;
    before = copy;
  }
  EXPECT_GT(changed, 3);
}

// Shows that the test above would see a copy of mixed moments.
TEST(Bank, DoesNotAddUpInPlainCopiesOfTheFile) {
  const Folder folder;
  open_bank(folder / "bank.db");
  const auto writers = writers_of(folder / "bank.db");
  bool torn = false;
  for (int tries = 0; tries < 200 && !torn; ++tries) {
    const auto file = base::File::open(folder / "bank.db", O_RDONLY).value();
    std::string copy(file.size().value(), '\0');
    for (std::size_t at = 0; at < copy.size(); at += copy.size() / 8 + 1) {
      const std::size_t size = std::min(copy.size() / 8 + 1, copy.size() - at);
      ASSERT_TRUE(file.read_at({reinterpret_cast<Byte*>(copy.data()) + at, size}, at));
      ::usleep(2000);
    }
    std::ofstream(folder / "copy.db", std::ios::binary) << copy;
    torn = !adds_up(folder / "copy.db");
    std::filesystem::remove(folder / "copy.db");
    std::filesystem::remove(folder / "copy.db-wal");
    std::filesystem::remove(folder / "copy.db-shm");
  }
  EXPECT_TRUE(torn);
}

}  // namespace
}  // namespace stillpoint::database::sqlite
