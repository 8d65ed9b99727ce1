// SPDX-License-Identifier: Apache-2.0
// Two PostgreSQL databases, and between them transactions as ScalarDB makes them: every record is
// prepared with its before-image, one row in the coordinator's table commits, then the records are
// made final. Threads move money all the time; what the snapshots show is resolved by the
// coordinator's rows that they show, and none may be missing.
#include "backup/commit_gate.h"

#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "database/postgresql/testing.h"
#include "database/target.h"
#include "database/testing.h"

namespace stillpoint::backup {
namespace {

using namespace std::chrono_literals;
using database::postgresql::Connection;
using database::postgresql::testing::Server;
using ::testing::HasSubstr;

constexpr int accounts = 50;  // in each database
constexpr int balance = 1000;
constexpr const char* coordinator = "coordinator.state";
constexpr const char* prepared = "1";

const Server& server() {
  static const Server one;
  return one;
}

// One client: transfers between the databases, or inside of one.
class Client {
 public:
  explicit Client(std::uint64_t seed)
      : random_(seed), sessions_{server().session("bank_a"), server().session("bank_b")} {}

  // True when it was committed.
  bool transfer() {
    const std::string tx = base::random_token();
    const auto from = static_cast<std::size_t>(random_.below(2));
    const auto to = static_cast<std::size_t>(random_.below(8) == 0 ? from : 1 - from);
    const int amount = 1 + static_cast<int>(random_.below(20));
    const bool ready = prepare(from, tx, -amount) && prepare(to, tx, amount);
    if (!ready) {
      for (const std::size_t i : {from, to}) finish(i, tx, "balance = before, tx = before_tx, ");
      return false;
    }
    EXPECT_TRUE(sessions_[0].execute("INSERT INTO coordinator.state VALUES ('" + tx + "', 3)"));
    for (const std::size_t i : {from, to}) finish(i, tx, "");
    return true;
  }

 private:
  bool prepare(std::size_t i, const std::string& tx, int change) {
    return sessions_[i]
        .value(
            "UPDATE bank.accounts SET before = balance, before_tx = tx, state = 1, tx = $1,"
            " balance = balance + $2 WHERE id = $3 AND state = 3 RETURNING id",
            {tx, std::to_string(change), std::to_string(random_.below(accounts))})
        .has_value();
  }
  void finish(std::size_t i, const std::string& tx, const std::string& set) {
    EXPECT_TRUE(sessions_[i].execute("UPDATE bank.accounts SET " + set +
                                     "state = 3, before = NULL, before_tx = NULL"
                                     " WHERE state = 1 AND tx = '" +
                                     tx + "'"));
  }
  base::Random random_;
  std::array<Connection, 2> sessions_;
};

// Several of them, until the end.
class Load {
 public:
  Load() {
    for (std::uint64_t i = 0; i < 3; ++i) {
      threads_.emplace_back([this, i](const std::stop_token& stop) {
        Client client(i);
        while (!stop.stop_requested()) committed_ += client.transfer() ? 1 : 0;
      });
    }
    more(20);
  }
  int committed() const { return committed_; }
  void more(int transfers) const {
    for (const int until = committed_ + transfers; committed_ < until;) {
      std::this_thread::sleep_for(1ms);
    }
  }

 private:
  std::atomic<int> committed_ = 0;
  std::vector<std::jthread> threads_;
};

// A database that takes its time before it opens, and may be in doubt afterwards.
class Slow final : public database::Database {
 public:
  Slow(std::unique_ptr<Database> real, base::Duration delay, int& doubts)
      : real_(std::move(real)), delay_(delay), doubts_(doubts) {}
  std::string kind() const override { return real_->kind(); }
  std::string url() const override { return real_->url(); }
  Result<void> prepare(std::stop_token stop) override { return real_->prepare(stop); }
  database::Capabilities capabilities() const override { return real_->capabilities(); }
  std::vector<database::Setting> settings() const override { return real_->settings(); }
  std::uint64_t bytes_estimate() const override { return real_->bytes_estimate(); }
  std::vector<std::string> warnings() const override { return real_->warnings(); }
  Result<std::string> write_mark() override { return real_->write_mark(); }
  Result<std::unique_ptr<database::Hold>> prepare_hold(const std::vector<std::string>& tables,
                                                       base::Duration hold_max) override {
    return real_->prepare_hold(tables, hold_max);
  }
  std::string table_name(const std::string& schema, const std::string& table) const override {
    return real_->table_name(schema, table);
  }
  Result<std::vector<database::Values>> look_up(const std::string& table,
                                                const std::vector<std::string>& columns,
                                                std::size_t rows_max) override {
    return real_->look_up(table, columns, rows_max);
  }
  Result<void> watch(std::vector<database::Watch> watches) override {
    return real_->watch(std::move(watches));
  }
  Result<void> open(base::Deadline deadline) override {
    std::this_thread::sleep_for(delay_);
    return real_->open(deadline);
  }
  Result<void> confirm() override {
    if (doubts_ == 0) return real_->confirm();
    --doubts_;
    return fail(Errc::busy, "where the snapshot lies is not certain");
  }
  Result<database::RestorePoint> point(const database::Window& window) override {
    return real_->point(window);
  }
  Result<std::vector<database::Object>> objects() override { return real_->objects(); }
  Result<database::Receipt> read(const database::Part& part, database::Sink& sink,
                                 std::stop_token stop) override {
    return real_->read(part, sink, stop);
  }
  Result<void> count(std::vector<database::Object>& objects, std::stop_token stop) override {
    return real_->count(objects, stop);
  }

 private:
  std::unique_ptr<Database> real_;
  base::Duration delay_;
  int& doubts_;
};

// Looks whether the gate is shut when it is said to be.
class Witness final : public GateWitness {
 public:
  Result<void> before_try(std::stop_token) override { return {}; }
  Result<void> snapshots_are_open(base::Deadline) override {
    Connection other = server().session("bank_a");
    const auto written = other.execute(
        "SET lock_timeout = 20; INSERT INTO coordinator.state VALUES ('from outside', 3)");
    shut_ = !written && other.last_state() == "55P03";
    return {};
  }
  bool gate_was_shut() const { return shut_; }

 private:
  bool shut_ = false;
};

class CommitGateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"bank_a", "bank_b"}) {
      server().run("CREATE DATABASE " + std::string(name));
      server().run(
          "CREATE SCHEMA bank; CREATE TABLE bank.accounts(id int PRIMARY KEY, balance int NOT NULL,"
          " state int NOT NULL, tx text, before int, before_tx text);"
          "INSERT INTO bank.accounts SELECT g, " +
              std::to_string(balance) + ", 3 FROM generate_series(0, " +
              std::to_string(accounts - 1) + ") g;" +
              "CREATE SCHEMA coordinator; CREATE TABLE coordinator.state(tx text PRIMARY KEY,"
              " state int NOT NULL)",
          name);
    }
    request_.tables = {{"bank_a", {coordinator}}};
    request_.limits.wait_max = 2s;  // the machine may be busy
    request_.limits.hold_max = 3s;
    request_.prepare_again = [this](PlannedDatabase& planned) { return prepare(planned); };
  }
  void TearDown() override {
    databases_.clear();
    for (const char* name : {"bank_a", "bank_b"}) {
      server().run("DROP DATABASE " + std::string(name) + " WITH (FORCE)");
    }
  }

  // One of them opens so much later than the other.
  Result<void> prepare(PlannedDatabase& planned) {
    ++prepared_;
    TRY(prepare_database(planned, {}, {}));
    if (planned.spec.name != slow_) return {};
    planned.database = std::make_unique<Slow>(std::move(planned.database), delay_, doubts_);
    return {};
  }
  void prepare_all() {
    databases_.clear();
    for (const char* name : {"bank_a", "bank_b"}) {
      PlannedDatabase& planned = databases_.emplace_back();
      planned.spec = {name, server().address(name), {}};
      const auto done = prepare(planned);
      ASSERT_TRUE(done) << done.error().message;
    }
    prepared_ = 0;
  }

  // What a restore would find, when every record is settled by the coordinator's rows.
  int money() {
    std::vector<database::testing::Copy> copies;
    copies.reserve(databases_.size());
    for (PlannedDatabase& one : databases_) {
      copies.push_back(database::testing::copy_of(*one.database));
    }
    std::set<std::string> committed;
    for (const auto& row : rows(copies[0], "coordinator")) committed.insert(row[0]);
    int sum = 0;
    for (const auto& copy : copies) {
      for (const auto& row : rows(copy, "bank")) {
        const bool back = row[2] == prepared && !committed.contains(row[3]);
        sum += std::stoi(back ? row[4] : row[1]);
      }
    }
    return sum;
  }
  static std::vector<std::vector<std::string>> rows(const database::testing::Copy& copy,
                                                    const std::string& schema) {
    std::vector<std::vector<std::string>> all;
    for (const auto& [path, bytes] : copy.parts) {
      if (!path.starts_with("data/" + schema + "/")) continue;
      for (const std::string& line : base::split(bytes, '\n')) {
        if (!line.empty()) all.push_back(base::split(line, '\t'));
      }
    }
    return all;
  }

  static constexpr int all_money = 2 * accounts * balance;
  std::string slow_ = "bank_b";
  base::Duration delay_ = 150ms;
  int doubts_ = 0;  // so many openings are not confirmed
  int prepared_ = 0;
  std::vector<PlannedDatabase> databases_;
  GateRequest request_;
};

TEST_F(CommitGateTest, KeepsAllMoneyWhileItIsMoved) {
  const Load load;
  for (int round = 0; round < 6; ++round) {
    slow_ = round % 2 == 0 ? "bank_b" : "bank_a";
    ASSERT_NO_FATAL_FAILURE(prepare_all());
    Witness witness;
    request_.witness = &witness;
    const auto record = open_in_gate(databases_, request_, {});
    ASSERT_TRUE(record) << record.error().message;
    load.more(20);  // they go on while it is read
    EXPECT_EQ(money(), all_money) << "round " << round;
    ASSERT_EQ(record->evidence.size(), 1U);
    EXPECT_EQ(record->evidence[0].kind, "commit_gate");
    EXPECT_TRUE(record->evidence[0].holds);
    ASSERT_EQ(record->openings.size(), 2U);
    const GateTry& last = record->tries.back();
    EXPECT_EQ(last.failure, "");
    EXPECT_GE(last.held, delay_);
    EXPECT_GE(record->openings[0].time, last.asked);
    EXPECT_TRUE(witness.gate_was_shut());
  }
}

// The same without the gate, or the test above would prove nothing.
TEST_F(CommitGateTest, WithoutItMoneyIsLost) {
  const Load load;
  int wrong = 0;
  for (int round = 0; round < 6; ++round) {
    slow_ = round % 2 == 0 ? "bank_b" : "bank_a";
    ASSERT_NO_FATAL_FAILURE(prepare_all());
    const auto opened = open_side_by_side(databases_, base::Deadline(5s));
    ASSERT_TRUE(opened) << opened.error().message;
    wrong += money() != all_money ? 1 : 0;
  }
  EXPECT_GT(wrong, 0);
}

// Somebody in the way: tries, with growing pauses, and between them writers get on.
TEST_F(CommitGateTest, WaitsForWhoIsInTheWayWithGrowingPauses) {
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  Connection vacuum = server().session("bank_a");
  ASSERT_TRUE(vacuum.execute("BEGIN; LOCK TABLE coordinator.state IN SHARE UPDATE EXCLUSIVE MODE"));
  std::jthread later([&] {
    std::this_thread::sleep_for(2500ms);
    EXPECT_TRUE(vacuum.execute("ROLLBACK"));
  });
  request_.limits.wait_max = 150ms;
  request_.limits.rest_min = 50ms;
  const auto record = open_in_gate(databases_, request_, {});
  ASSERT_TRUE(record) << record.error().message;
  ASSERT_GE(record->tries.size(), 3U);
  EXPECT_THAT(record->tries[0].failure, HasSubstr(coordinator));
  EXPECT_EQ(record->tries[0].held, base::Duration::zero());
  for (std::size_t i = 2; i < record->tries.size(); ++i) {
    EXPECT_GT(record->tries[i].asked - record->tries[i - 1].asked,
              record->tries[i - 1].waited + 50ms * (1 << (i - 1)));
  }
  EXPECT_EQ(prepared_, 0);  // no snapshot had been opened
}

TEST_F(CommitGateTest, GivesUpInTimeAndNamesWhoIsInTheWay) {
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  Connection vacuum = server().session("bank_a");
  ASSERT_TRUE(vacuum.execute("BEGIN; LOCK TABLE coordinator.state IN SHARE UPDATE EXCLUSIVE MODE"));
  request_.limits.wait_max = 100ms;
  request_.limits.rest_min = 20ms;
  request_.limits.time_max = 500ms;
  const auto record = open_in_gate(databases_, request_, {});
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::not_held);
  EXPECT_THAT(record.error().message, HasSubstr(std::to_string(vacuum.server_process())));
  Client client(1);
  while (!client.transfer()) {  // nobody is held
  }
}

// A hold that would last too long is no hold: the snapshots are thrown away, and all begins anew.
TEST_F(CommitGateTest, AnOverrunIsTriedAnewFromTheBeginning) {
  delay_ = 500ms;
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  const Load load;
  request_.limits.hold_max = 200ms;
  request_.limits.rest_min = 20ms;
  request_.prepare_again = [this](PlannedDatabase& planned) {
    if (prepared_ == 4) {  // the third time
      delay_ = 0ms;
      request_.limits.hold_max = 3s;
    }
    return prepare(planned);
  };
  Witness witness;
  request_.witness = &witness;
  const auto record = open_in_gate(databases_, request_, {});
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->tries.size(), 4U);
  EXPECT_EQ(prepared_, 6);
  EXPECT_NE(record->tries[0].failure, "");
  EXPECT_LT(record->tries[0].held, 5s);
  EXPECT_TRUE(witness.gate_was_shut());
  EXPECT_EQ(money(), all_money);
}

// Before anything is read: somebody who finds out hours later has lost them.
TEST_F(CommitGateTest, AnOpeningThatIsNotConfirmedIsTriedAnew) {
  doubts_ = 2;
  delay_ = 0ms;
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  request_.limits.rest_min = 20ms;
  const auto record = open_in_gate(databases_, request_, {});
  ASSERT_TRUE(record) << record.error().message;
  ASSERT_EQ(record->tries.size(), 3U);
  EXPECT_THAT(record->tries[0].failure, HasSubstr("not certain"));
  EXPECT_THAT(record->tries[0].failure, HasSubstr("bank_b"));
  EXPECT_EQ(doubts_, 0);
  EXPECT_EQ(prepared_, 4);
  EXPECT_EQ(money(), all_money);
}

TEST_F(CommitGateTest, WhatTryingAgainCannotMendFailsAtOnce) {
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  request_.tables = {{"bank_a", {"coordinator.nothing"}}};
  const auto record = open_in_gate(databases_, request_, {});
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::not_found);
}

TEST_F(CommitGateTest, AStopRequestEndsIt) {
  ASSERT_NO_FATAL_FAILURE(prepare_all());
  Connection vacuum = server().session("bank_a");
  ASSERT_TRUE(vacuum.execute("BEGIN; LOCK TABLE coordinator.state IN SHARE UPDATE EXCLUSIVE MODE"));
  request_.limits.wait_max = 50ms;
  request_.limits.rest_min = 1h;
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(200ms);
    stop.request_stop();
  });
  const auto record = open_in_gate(databases_, request_, stop.get_token());
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace stillpoint::backup
