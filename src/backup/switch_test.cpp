// SPDX-License-Identifier: Apache-2.0
// Three databases are switched together, and the switch is killed before every single step.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/switch_job.h"
#include "backup/switch_together.h"
#include "database/sqlite/testing.h"
#include "database/testing.h"
#include "job/job.h"
#include "repository/testing.h"

namespace stillpoint::backup {
namespace {

using database::sqlite::testing::ask;
using database::sqlite::testing::Client;

constexpr int databases = 3;
constexpr int steps_to_open = 2 * databases;  // all are closed, all are swapped
constexpr int steps_in_all = 3 * databases;

// Hands every call on, until one of them is the last.
class Interrupted final : public database::Switchover {
 public:
  using Strike = std::function<Result<void>()>;
  Interrupted(std::unique_ptr<Switchover> inner, int& left, Strike strike)
      : inner_(std::move(inner)), left_(left), strike_(std::move(strike)) {}
  Result<void> close(bool force) override {
    TRY(count());
    return inner_->close(force);
  }
  bool closed_for_good() const override { return inner_->closed_for_good(); }
  Result<std::string> swap() override {
    TRY(count());
    return inner_->swap();
  }
  Result<void> open() override {
    TRY(count());
    return inner_->open();
  }
  Result<void> swap_back() override { return inner_->swap_back(); }
  Result<void> discard() override { return inner_->discard(); }

 private:
  Result<void> count() { return left_-- == 0 ? strike_() : Result<void>(); }
  std::unique_ptr<Switchover> inner_;
  int& left_;
  Strike strike_;
};

class SwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/switch-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(folder_ + "/state");
    repository_ = repository::init_test_repository(*storage::open(folder_ + "/repository"));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(int i) const { return folder_ + "/" + std::string(1, "abc"[i]) + ".db"; }
  SwitchJournals journals() const { return {folder_ + "/state", repository_.get()}; }
  static bool is_staged(const std::string& name) {
    return name.find(".stillpoint-") != std::string::npos;
  }

  // Old databases, and new ones handed over to replace them.
  SwitchJournal handed_over() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.is_regular_file()) std::filesystem::remove(entry);
    }
    SwitchJournal journal;
    journal.id = "0123456789abcdef";
    for (int i = 0; i < databases; ++i) {
      Client(path(i)).run(
          "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES('new')");
      auto source = database::kind_of(path(i)).value()->open({path(i), {}, {}}, {}).value();
      EXPECT_TRUE(source->prepare({}));
      EXPECT_TRUE(source->open(base::Deadline(std::chrono::seconds(5))));
      const auto copy = database::testing::copy_of(*source);
      source.reset();
      Client(path(i)).run("UPDATE t SET x='old'");
      const auto target =
          database::kind_of(path(i)).value()->open_target({path(i), {}, {}}, {}).value();
      EXPECT_TRUE(database::testing::stage_all(*target, copy));
      EXPECT_TRUE(target->verify({}));
      journal.databases.push_back(
          {std::string(1, "abc"[i]), "sqlite", path(i), target->hand_over().value()});
    }
    return journal;
  }

  // The whole switch, which ends before step `step`.
  Result<std::vector<std::string>> switch_until(const SwitchJournal& journal, int step,
                                                const Interrupted::Strike& strike) const {
    auto all = TRY(open_switchovers(journal, {}));
    for (Switching& one : all) {
      one.switchover = std::make_unique<Interrupted>(std::move(one.switchover), step, strike);
    }
    SwitchRun run;
    return switch_together(all, run);
  }
  void kill_before(const SwitchJournal& journal, int step) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto done = switch_until(journal, step, []() -> Result<void> {
        ::kill(::getpid(), SIGKILL);
        return {};
      });
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WIFSIGNALED(status), step < steps_in_all) << step;
  }
  Result<std::vector<RestoredDatabase>> finish(bool undo) const {
    job::Job job("restore");
    std::vector<RestoredDatabase> done;
    const SwitchJournals known = journals();
    job.start([&](job::Job::Context& context) -> Result<void> {
      const auto found = TRY(known.list());
      if (found.size() != 1) return fail(Errc::internal, "{} journals", found.size());
      done = TRY(finish_switch(found.front(), known, {{}, false, undo}, context));
      return {};
    });
    TRY(job.result());
    return done;
  }
  void expect_all(const std::string& content, int step) const {
    for (int i = 0; i < databases; ++i) {
      EXPECT_EQ(ask(path(i), "SELECT x FROM t"), content) << path(i) << " at step " << step;
      Client(path(i)).run("INSERT INTO t VALUES('written')");
      EXPECT_EQ(ask(path(i), "SELECT count(*) FROM t"), "2");
    }
    EXPECT_TRUE(journals().list().value().empty()) << step;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      EXPECT_FALSE(is_staged(entry.path().string())) << entry.path() << " at step " << step;
    }
  }

  std::string folder_;
  std::unique_ptr<repository::Repository> repository_;
};

TEST_F(SwitchTest, AKillAtAnyStepIsCompleted) {
  for (int step = 0; step <= steps_in_all; ++step) {
    const SwitchJournal journal = handed_over();
    ASSERT_TRUE(journals().write(journal));
    kill_before(journal, step);
    const auto done = finish(false);
    ASSERT_TRUE(done) << step << ": " << done.error().message;
    for (const RestoredDatabase& one : *done) {
      EXPECT_EQ(ask(one.kept, "SELECT x FROM t"), "old") << step;
    }
    expect_all("new", step);
  }
}

TEST_F(SwitchTest, AKillBeforeTheFirstIsOpenIsUndone) {
  for (int step = 0; step <= steps_to_open; ++step) {
    const SwitchJournal journal = handed_over();
    ASSERT_TRUE(journals().write(journal));
    kill_before(journal, step);
    const auto done = finish(true);
    ASSERT_TRUE(done) << step << ": " << done.error().message;
    expect_all("old", step);
  }
}

TEST_F(SwitchTest, AFailureAtAnyStepBeforeTheFirstIsOpenUndoesAll) {
  for (int step = 0; step < steps_to_open; ++step) {
    const SwitchJournal journal = handed_over();
    const auto done = switch_until(journal, step, []() -> Result<void> {
      return fail(Errc::unavailable, "the server is gone");
    });
    ASSERT_FALSE(done) << step;
    EXPECT_NE(done.error().message.find("nothing was switched"), std::string::npos)
        << done.error().message;
    expect_all("old", step);
  }
}

TEST_F(SwitchTest, AnotherMachineHasTheJournalToo) {
  const SwitchJournal journal = handed_over();
  ASSERT_TRUE(journals().write(journal));
  kill_before(journal, steps_to_open - 1);
  std::filesystem::remove_all(folder_ + "/state");
  std::filesystem::create_directory(folder_ + "/state");
  const auto done = finish(false);
  ASSERT_TRUE(done) << done.error().message;
  expect_all("new", steps_to_open - 1);
}

TEST_F(SwitchTest, WhoUsesADatabaseKeepsItHalfDoneAndNothingIsLost) {
  const SwitchJournal journal = handed_over();
  ASSERT_TRUE(journals().write(journal));
  kill_before(journal, databases + 1);
  const pid_t user = ::fork();
  if (user == 0) {
    Client client(path(2));
    client.run("BEGIN; SELECT * FROM t");
    std::ofstream(folder_ + "/state/ready") << "yes";
    ::pause();
  }
  while (!std::filesystem::exists(folder_ + "/state/ready")) ::usleep(1000);
  const auto busy = finish(false);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Errc::busy);
  EXPECT_NE(busy.error().advice.find("--resume"), std::string::npos) << busy.error().advice;
  ::kill(user, SIGKILL);
  ::waitpid(user, nullptr, 0);
  ASSERT_TRUE(finish(false));
  expect_all("new", databases + 1);
}

TEST_F(SwitchTest, AJournalSurvivesAndNonsenseIsRefused) {
  SwitchJournal journal{"id", "backup", "host", 7, base::now(), {{"n", "sqlite", "/x", "{}"}}};
  const std::string text = encode_journal(journal);
  const auto again = decode_journal(base::view_of(text));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(encode_journal(*again), text);
  for (const char* nonsense : {"", "{}", "[1]", "{\"format\": 2}", "{\"format\": 1}"}) {
    EXPECT_FALSE(decode_journal(base::view_of(nonsense))) << nonsense;
  }
}

}  // namespace
}  // namespace stillpoint::backup
