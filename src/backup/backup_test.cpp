// SPDX-License-Identifier: Apache-2.0
// Backups of real SQLite databases into a repository in memory.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/backup_job.h"
#include "backup/catalogue.h"
#include "backup/restore_job.h"
#include "base/process.h"
#include "repository/testing.h"

namespace stillpoint::backup {
namespace {

class Sqlite {
 public:
  explicit Sqlite(const std::string& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &db_), 0); }
  ~Sqlite() { sqlite3_close(db_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;
  void run(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message), 0) << message;
  }
  std::string ask(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), 0);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    std::string value = text == nullptr ? "" : text;
    sqlite3_finalize(statement);
    return value;
  }

 private:
  sqlite3* db_ = nullptr;
};

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/backup-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    repository_ = repository::init_test_repository(*storage::open("memory:" + folder_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string make_database(const std::string& name, int rows) const {
    const std::string path = folder_ + "/" + name + ".db";
    Sqlite db(path);
    db.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(n INTEGER, x TEXT)");
    db.run("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " +
           std::to_string(rows) + ") INSERT INTO t SELECT n, hex(n * 7919) FROM c");
    return path;
  }

  Result<BackupOutcome> take(const System& system, const BackupOptions& options = {}) const {
    job::Job job("backup");
    std::optional<BackupOutcome> outcome;
    job.start([&](job::Job::Context& context) -> Result<void> {
      outcome = TRY(take_backup(system, *repository_, options, context));
      return {};
    });
    TRY(job.result());
    return std::move(*outcome);
  }

  Result<std::vector<RestoredDatabase>> restore_to(const std::string& backup,
                                                   const std::map<std::string, std::string>& to,
                                                   bool only_drill = false) const {
    job::Job job("restore");
    std::vector<RestoredDatabase> done;
    job.start([&](job::Job::Context& context) -> Result<void> {
      TRY(repository_->load_index({}));
      const Listed found = TRY(find_backup(*repository_, backup, {}));
      if (only_drill) {
        done = TRY(drill(*repository_, found, {}, folder_ + "/scratch", context));
        return {};
      }
      Manifest manifest = TRY(load_manifest(*repository_, found, {}));
      RestorePlan plan = TRY(plan_restore(found, std::move(manifest), {{}, to, {}, {}}));
      const SwitchJournals journals(folder_ + "/state", repository_.get());
      done = TRY(restore(*repository_, plan, journals, context));
      return {};
    });
    TRY(job.result());
    return done;
  }

  // As a repair does where these names of the root folder are lost.
  Id leave_out(const repository::Record& record, const std::set<std::string>& names,
               const std::vector<std::string>& tags) const {
    const auto writer = repository::BackupWriter::begin(*repository_, {}, {}).value();
    const Bytes root = repository_->load_blob(repository::BlobType::tree, record.tree).value();
    const std::string changed = repository::change_tree(root, {names, {}}).value();
    EXPECT_TRUE(writer->blobs().save(repository::BlobType::tree,
                                     base::copy_of(base::view_of(changed)), [](const Id&) {}));
    const Bytes text = repository_->load_file(repository::FileKind::record, record.id).value();
    const Id tree = base::sha256(base::view_of(changed));
    return writer->finish_copy(repository::encode_repaired(text, record.id, tree, tags).value())
        .value();
  }

  std::string folder_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST(System, NamesAndLabels) {
  EXPECT_EQ(system_of_url("/srv/shop/cart.db")->name, "cart");
  EXPECT_EQ(system_of_url("sqlite:///srv/a b.sqlite3")->name, "a_b");
  EXPECT_EQ(system_of_url("/srv/.hidden")->name, "db.hidden");
  EXPECT_EQ(system_of_url("mysql://me@db1.x.org:3306/?schemas=a,b")->name, "db1.x.org");
  EXPECT_EQ(system_of_url("mysql://me@db1/shop?users=1")->name, "shop");
  for (const char* bad : {"", "-x", "a/b", "a\nb", ".."}) EXPECT_FALSE(check_system_name(bad));
  for (const char* bad : {"", "latest", "proven", "damaged", "repaired", "a,b", "a b", "a\nb"})
    EXPECT_FALSE(check_label(bad));
  EXPECT_TRUE(check_label("before-upgrade"));
}

TEST_F(BackupTest, OneDatabaseIsOneSnapshotAndProven) {
  const std::string path = make_database("bank", 1000);
  const BackupOutcome outcome = take(system_of_url(path).value(), {"first", false, {}}).value();
  EXPECT_EQ(outcome.manifest.branch, Branch::one_snapshot);
  EXPECT_EQ(outcome.manifest.verdict, Verdict::proven);
  EXPECT_EQ(outcome.record.tags, (std::vector<std::string>{"stillpoint", "proven", "first"}));
  EXPECT_EQ(outcome.record.paths, std::vector<std::string>{"/stillpoint/bank"});

  ASSERT_TRUE(repository_->load_index({}));
  const Listed found = find_backup(*repository_, "first", {}).value();
  const Manifest manifest = load_manifest(*repository_, found, {}).value();
  ASSERT_EQ(manifest.databases.size(), 1U);
  std::uint64_t rows = 0;
  for (const auto& object : manifest.databases[0].objects) rows += object.rows.value_or(0);
  EXPECT_EQ(rows, 1000U);
}

TEST_F(BackupTest, ARestoredDatabaseHasTheRowsOfTheBackupNotOfNow) {
  const std::string path = make_database("bank", 1000);
  ASSERT_TRUE(take(system_of_url(path).value()));
  Sqlite(path).run("DELETE FROM t");
  const auto done = restore_to("latest", {{"bank", folder_ + "/copy.db"}}).value();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].rows, 1000U);
  EXPECT_EQ(Sqlite(folder_ + "/copy.db").ask("SELECT count(*) || ' ' || sum(n) FROM t"),
            "1000 500500");
  EXPECT_EQ(Sqlite(path).ask("SELECT count(*) FROM t"), "0");
}

TEST_F(BackupTest, WhereItCameFromTheOldOneIsKept) {
  const std::string path = make_database("bank", 10);
  ASSERT_TRUE(take(system_of_url(path).value()));
  Sqlite(path).run("DELETE FROM t");
  const auto done = restore_to("latest", {}).value();
  EXPECT_EQ(Sqlite(path).ask("SELECT count(*) FROM t"), "10");
  ASSERT_FALSE(done[0].kept.empty());
  EXPECT_EQ(Sqlite(done[0].kept).ask("SELECT count(*) FROM t"), "0");
}

TEST_F(BackupTest, TheDrillLeavesNothing) {
  ASSERT_TRUE(take(system_of_url(make_database("bank", 10)).value()));
  std::filesystem::create_directory(folder_ + "/scratch");
  ASSERT_TRUE(restore_to("latest", {}, true));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/scratch"));
}

TEST_F(BackupTest, SeparateDatabasesAreOneBackup) {
  const System shop{"shop",
                    Consistency::separate,
                    {},
                    {},
                    {{"a", {make_database("one", 5)}, {}}, {"B", {make_database("two", 6)}, {}}}};
  const BackupOutcome outcome = take(shop).value();
  EXPECT_EQ(outcome.manifest.branch, Branch::no_layer_separate);
  EXPECT_EQ(outcome.manifest.databases.at(1).folder, "%42");
  ASSERT_TRUE(restore_to("latest", {{"a", folder_ + "/x.db"}, {"B", folder_ + "/y.db"}}));
  EXPECT_EQ(Sqlite(folder_ + "/y.db").ask("SELECT count(*) FROM t"), "6");
}

TEST_F(BackupTest, TogetherIsProvenWhenNobodyWrites) {
  const System shop{"shop",
                    Consistency::together,
                    {},
                    {},
                    {{"a", {make_database("one", 5)}, {}}, {"b", {make_database("two", 6)}, {}}}};
  const BackupOutcome outcome = take(shop).value();
  EXPECT_EQ(outcome.manifest.verdict, Verdict::proven);
  ASSERT_EQ(outcome.manifest.evidence.size(), 2U);
  EXPECT_EQ(outcome.manifest.evidence[0].kind, "write_mark");
}

TEST_F(BackupTest, TogetherIsRefusedWhenSomebodyWritesAndKeptOnlyOnRequest) {
  System shop{"shop", Consistency::together, {}};
  for (const std::string name : {"a", "b", "c", "d", "e", "f"}) {
    shop.databases.push_back({name, make_database(name, 5)});
  }
  std::atomic<bool> end = false;
  std::thread writer([&] {
    Sqlite db(shop.databases[3].address.url);
    db.run("PRAGMA synchronous=OFF; PRAGMA busy_timeout=10000");
    while (!end) db.run("UPDATE t SET n = n + 1 WHERE rowid = 1");
  });
  // A commit has to fall between the first mark and the last: soon it does.
  Result<BackupOutcome> outcome = take(shop);
  for (int i = 0; i < 300 && outcome; ++i) outcome = take(shop);
  ASSERT_FALSE(outcome) << "no write was seen in 300 backups";
  EXPECT_EQ(outcome.error().code, Errc::unproven);
  EXPECT_NE(outcome.error().message.find("d was written"), std::string::npos);
  EXPECT_NE(outcome.error().advice.find("--allow-unproven"), std::string::npos);

  bool kept_unproven = false;
  for (int i = 0; i < 300 && !kept_unproven; ++i) {
    const auto allowed = take(shop, {"", true, {}});
    ASSERT_TRUE(allowed);
    kept_unproven = allowed->manifest.verdict == Verdict::unproven;
    EXPECT_EQ(allowed->record.tags.at(1), kept_unproven ? "unproven" : "proven");
  }
  end = true;
  writer.join();
  EXPECT_TRUE(kept_unproven);
}

TEST_F(BackupTest, BackupsAreFoundByWhatPeopleCallThem) {
  const System bank = system_of_url(make_database("bank", 5)).value();
  const Id first = take(bank, {"old", false, {}}).value().record.id;
  const Id second = take(bank, {"new", false, {}}).value().record.id;
  EXPECT_EQ(find_backup(*repository_, "latest", {})->record.id, second);
  EXPECT_EQ(find_backup(*repository_, "latest:bank", {})->record.id, second);
  EXPECT_EQ(find_backup(*repository_, "old", {})->record.id, first);
  EXPECT_EQ(find_backup(*repository_, first.hex().substr(0, 12), {})->record.id, first);
  const auto typo = find_backup(*repository_, "latst", {});
  EXPECT_EQ(typo.error().code, Errc::not_found);
  EXPECT_EQ(find_backup(*repository_, "latest:bnk", {}).error().advice,
            "did you mean 'latest:bank'?");
  EXPECT_FALSE(find_backup(*repository_, "", {}));
}

TEST_F(BackupTest, AFileThatIsNotWhatTheManifestSaysIsRefused) {
  ASSERT_TRUE(take(system_of_url(make_database("bank", 5)).value()));
  ASSERT_TRUE(repository_->load_index({}));
  const Listed found = find_backup(*repository_, "latest", {}).value();
  StoredFile file = load_manifest(*repository_, found, {})->databases[0].files[0];
  EXPECT_TRUE(find_stored_file(*repository_, found, file));
  file.content.bytes[0] ^= 1;
  EXPECT_EQ(find_stored_file(*repository_, found, file).error().code, Errc::corrupt);
}

TEST_F(BackupTest, OfADamagedBackupOnlyWhatIsWholeIsRestored) {
  const System shop{"shop",
                    Consistency::separate,
                    {},
                    {},
                    {{"a", {make_database("one", 5)}, {}}, {"B", {make_database("two", 6)}, {}}}};
  const repository::Record whole = take(shop, {"monday", false, {}})->record;
  const auto tags = repaired_tags(whole);
  EXPECT_EQ(tags, (std::vector<std::string>{"stillpoint", "damaged", "monday", "repaired"}));
  // restic's repair leaves the tags as they are, and adds its own.
  auto by_restic = whole.tags;
  by_restic.emplace_back("repaired");
  for (const auto& tagged : {tags, by_restic}) {
    const Id id = leave_out(whole, {"%42"}, tagged);
    const Listed found = find_backup(*repository_, "monday", {}).value();
    EXPECT_EQ(found.record.id, id) << "not its original";
    EXPECT_EQ(found.verdict, "damaged");
    EXPECT_EQ(found.label, "monday");
    EXPECT_EQ(repaired_tags(found.record), tags);

    const Manifest manifest = load_manifest(*repository_, found, {}).value();
    EXPECT_EQ(manifest.verdict, Verdict::damaged);
    EXPECT_TRUE(manifest.databases[0].lost.empty());
    EXPECT_EQ(manifest.databases[1].lost,
              (std::vector<std::string>{"%42/data/two.db", "%42/schema/schema.sql"}));
    for (const bool only_drill : {false, true}) {
      const auto refused = restore_to("monday", {{"B", folder_ + "/new.db"}}, only_drill);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::corrupt);
      EXPECT_NE(refused.error().message.find("%42/data/two.db"), std::string::npos);
      EXPECT_NE(refused.error().advice.find("--database a;"), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/new.db"));
    const RestoreRequest of_a = {{"a"}, {{"a", folder_ + "/a.db"}}, {}, false, {}};
    EXPECT_TRUE(plan_restore(found, manifest, of_a));
    ASSERT_TRUE(repository_->remove_file(repository::FileKind::record, id));
  }
}

TEST_F(BackupTest, ABackupWhoseManifestIsLostSaysSo) {
  const auto whole = take(system_of_url(make_database("bank", 5)).value())->record;
  leave_out(whole, {"manifest.json"}, repaired_tags(whole));
  const auto refused = restore_to("latest", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_NE(refused.error().message.find("it is lost"), std::string::npos);
  EXPECT_NE(refused.error().advice.find("stillpoint ls"), std::string::npos);
}

TEST_F(BackupTest, TheManifestSurvivesAndNonsenseIsRefused) {
  const Manifest manifest = take(system_of_url(make_database("bank", 5)).value())->manifest;
  const std::string text = encode_manifest(manifest);
  EXPECT_EQ(encode_manifest(decode_manifest(base::view_of(text)).value()), text);
  std::string newer = text;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  EXPECT_EQ(decode_manifest(base::view_of(newer)).error().code, Errc::unsupported);
  for (std::size_t cut = 0; cut < text.size(); cut += 97) {
    EXPECT_FALSE(decode_manifest(base::view_of(text.substr(0, cut))));
  }
}

TEST_F(BackupTest, AForgedManifestCannotNameOtherPlaces) {
  const Manifest manifest = take(system_of_url(make_database("bank", 5)).value())->manifest;
  const auto refused = [&](const std::function<void(DatabaseEntry&)>& forge) {
    Manifest forged = manifest;
    forge(forged.databases[0]);
    const auto decoded = decode_manifest(base::view_of(encode_manifest(forged)));
    return !decoded && decoded.error().code == Errc::corrupt;
  };
  EXPECT_FALSE(refused([](DatabaseEntry&) {}));
  EXPECT_TRUE(refused([](DatabaseEntry& e) { e.folder = "../../outside"; }));
  EXPECT_TRUE(refused([](DatabaseEntry& e) { e.name = e.folder = "../x"; }));
  EXPECT_TRUE(refused([](DatabaseEntry& e) { e.files[0].path = "other/data/x"; }));
  EXPECT_TRUE(refused([](DatabaseEntry& e) { e.files[0].path = "x"; }));
}

TEST_F(BackupTest, ADatabaseInUseIsRefusedBeforeAnythingIsStaged) {
  const std::string path = make_database("bank", 5);
  ASSERT_TRUE(take(system_of_url(path).value()));
  // Somebody else: descriptors of our own process do not count.
  const pid_t other = ::fork();
  if (other == 0) {
    const int held = ::open(path.c_str(), O_RDONLY);
    ::pause();
    ::_exit(held);
  }
  while (base::openers_of(path)->empty()) std::this_thread::yield();
  const auto refused = restore_to("latest", {});
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_EQ(refused.error().code, Errc::busy);
  EXPECT_NE(refused.error().message.find(std::to_string(other)), std::string::npos);
}

}  // namespace
}  // namespace stillpoint::backup
