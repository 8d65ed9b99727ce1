// SPDX-License-Identifier: Apache-2.0
// Which branch, by what layer, databases and user say. What the branches do is tested with real
// ScalarDB (tests/e2e/test_scalardb_*.py).
#include "backup/layer_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/manifest.h"
#include "backup/openings.h"

namespace stillpoint::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Says what it can, and is never opened.
class Planned final : public database::Database {
 public:
  Planned(database::Capabilities can, std::uint64_t pages) : can_(can), pages_(pages) {}
  std::string kind() const override { return "sqlite"; }
  std::string url() const override { return "sqlite:///x.db"; }
  Result<void> prepare(std::stop_token) override { return {}; }
  database::Capabilities capabilities() const override { return can_; }
  std::vector<database::Setting> settings() const override {
    return {{"page_size", "4096"}, {"page_count", std::to_string(pages_)}};
  }
  std::uint64_t bytes_estimate() const override { return 4096 * pages_; }
  std::vector<std::string> warnings() const override { return {}; }
  Result<std::string> write_mark() override { return fail(Errc::internal, "not asked"); }
  std::string table_name(const std::string&, const std::string& table) const override {
    return table;
  }
  Result<std::vector<database::Values>> look_up(const std::string&, const std::vector<std::string>&,
                                                std::size_t) override {
    return std::vector<database::Values>();
  }
  Result<void> watch(std::vector<database::Watch> watches) override {
    watched = watches.size();
    return {};
  }
  Result<void> open(base::Deadline) override { return fail(Errc::internal, "not asked"); }
  Result<database::RestorePoint> point(const database::Window&) override {
    return database::RestorePoint();
  }
  Result<std::vector<database::Object>> objects() override {
    return std::vector<database::Object>();
  }
  Result<database::Receipt> read(const database::Part&, database::Sink&, std::stop_token) override {
    return database::Receipt();
  }
  Result<void> count(std::vector<database::Object>&, std::stop_token) override { return {}; }

  std::size_t watched = 0;

 private:
  const database::Capabilities can_;
  const std::uint64_t pages_;
};

// Its coordinator is in the database "b".
class Transactions final : public layer::Layer {
 public:
  std::string name() const override { return "transactions"; }
  std::vector<layer::Place> places() const override { return {}; }
  std::vector<layer::Elsewhere> elsewhere() const override { return {}; }
  bool always_pauses() const override { return pauses; }
  Result<void> examine(const std::vector<layer::Member>&) override { return {}; }
  std::vector<database::Setting> settings() const override { return {}; }
  std::vector<std::string> warnings() const override { return {}; }
  std::string gate_refusal() const override { return refusal; }
  std::map<std::string, std::vector<std::string>> gate_tables() const override {
    return {{"b", {"coordinator.state"}}};
  }
  std::vector<database::Watch> watches(const layer::Member&) override { return {{}, {}}; }
  std::vector<database::Watch> watches_again(const layer::Member&) override { return {}; }
  void opened(const layer::Cut&) override {}
  std::vector<layer::Finding> judge() override { return {}; }

  bool pauses = false;
  std::string refusal = {};
};

class LayerPlan : public ::testing::Test {
 protected:
  LayerPlan() {
    auto layer = std::make_unique<Transactions>();
    layer_ = layer.get();
    plan_.layer = std::move(layer);
  }
  static database::Capabilities able() {
    database::Capabilities can;
    can.snapshot = true;
    can.hold_writes = true;
    return can;
  }
  void add(const std::string& name, database::Capabilities can = able(), std::uint64_t pages = 1) {
    PlannedDatabase planned;
    planned.spec.name = name;
    planned.database = std::make_unique<Planned>(can, pages);
    plan_.databases.push_back(std::move(planned));
  }
  void can_pause() {
    window::Service service;
    service.addresses = {{"app", 60053}};
    plan_.system.window.services = {service};
  }
  // The branch, or the refusal and what it advises.
  std::string chosen() {
    const Result<void> done = plan_layer(plan_);
    return done ? std::string(name_of(plan_.branch))
                : done.error().message + " -> " + done.error().advice;
  }

  Plan plan_;
  Transactions* layer_ = nullptr;
};

TEST_F(LayerPlan, OneDatabaseIsOneSnapshot) {
  add("b");
  can_pause();
  EXPECT_EQ(chosen(), "one_snapshot");
  EXPECT_EQ(static_cast<Planned&>(*plan_.databases[0].database).watched, 2U);
}

TEST_F(LayerPlan, SeveralAreHeldByTheGateAlsoWhereSomebodyCouldBePaused) {
  add("a");
  add("b");
  can_pause();
  EXPECT_EQ(chosen(), "commit_gate");
  EXPECT_THAT(plan_.reason, HasSubstr("coordinator.state of b"));
}

TEST_F(LayerPlan, WhoeverInsistsOnAPauseGetsIt) {
  add("b");
  plan_.system.window.kind = WindowKind::pause;
  EXPECT_THAT(chosen(), HasSubstr("nobody is known who could be paused -> name the applications"));
  can_pause();
  EXPECT_EQ(chosen(), "pause");
}

TEST_F(LayerPlan, WhatTheGateCannotHoldIsPausedOrRefused) {
  add("a");
  add("b");
  layer_->refusal = "one_phase_commit.enabled is true";
  EXPECT_THAT(chosen(), HasSubstr("no commit gate: one_phase_commit.enabled is true; and nobody"));
  plan_.system.window.kind = WindowKind::gate;
  EXPECT_THAT(chosen(), HasSubstr("the commit gate was asked for, but one_phase"));
  plan_.system.window.kind = WindowKind::automatic;
  can_pause();
  EXPECT_EQ(chosen(), "pause");
  EXPECT_THAT(plan_.reason, HasSubstr("one_phase_commit.enabled is true"));
}

TEST_F(LayerPlan, OnlyWhoHasACoordinatorMustBeAbleToHoldWrites) {
  database::Capabilities unable = able();
  unable.hold_writes = false;
  add("a", unable);
  add("b");
  EXPECT_EQ(chosen(), "commit_gate");
  plan_.databases.clear();
  add("a");
  add("b", unable);
  EXPECT_THAT(chosen(), HasSubstr("cannot be held in b"));
}

TEST_F(LayerPlan, WhatMayShowLateIsRefusedBesideOthers) {
  database::Capabilities standby = able();
  standby.behind = true;
  add("a", standby);
  EXPECT_EQ(chosen(), "one_snapshot");
  add("b");
  can_pause();
  EXPECT_THAT(chosen(), HasSubstr("a is a standby, a replica or one of a cluster"));
  EXPECT_THAT(chosen(), HasSubstr("-> name the primary"));
}

TEST_F(LayerPlan, ALayerThatAlwaysPausesDoesSoForOneDatabase) {
  add("b");
  layer_->pauses = true;
  EXPECT_THAT(chosen(), HasSubstr("nobody is known who could be paused"));
  can_pause();
  EXPECT_EQ(chosen(), "pause");
  plan_.system.window.kind = WindowKind::gate;
  EXPECT_THAT(chosen(), HasSubstr("always paused"));
}

TEST_F(LayerPlan, WhoKeepsWritersWaitingIsReadFirstAndThenTheSmallest) {
  database::Capabilities waits = able();
  waits.writers_wait = true;
  add("a", able(), 30);
  add("b", able(), 20);
  add("c", able(), 10);
  add("d", waits, 40);
  EXPECT_EQ(chosen(), "commit_gate");
  EXPECT_THAT(reading_order(plan_.databases, true), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(reading_order(plan_.databases, false), ElementsAre(0, 1, 2, 3));
}

TEST_F(LayerPlan, WritersAreNotKeptWaitingForLargeFiles) {
  database::Capabilities waits = able();
  waits.writers_wait = true;
  add("a", waits, (std::uint64_t{1} << 30) / 4096);
  add("b");
  EXPECT_EQ(chosen(), "commit_gate");
  plan_.databases.clear();
  add("a", waits, (std::uint64_t{1} << 30) / 4096 + 1);
  add("b");
  EXPECT_THAT(chosen(), HasSubstr("too long for applications that go on meanwhile -> use SQLite's "
                                  "write-ahead log"));
}

}  // namespace
}  // namespace stillpoint::backup
