// SPDX-License-Identifier: Apache-2.0
// The promises of database/switchover.h, held against every kind of database.
#include "database_fixture.h"

namespace stillpoint::database {
namespace {

using namespace testing;

class SwitchoverPromises : public Conformance {
 protected:
  // A backup whose content is not what is there now, staged and handed over.
  void hand_over() {
    new_ = fixture_->content(fixture_->url());
    const Copy copy = backup();
    ASSERT_TRUE(fixture_->commit(1000));
    old_ = fixture_->content(fixture_->url());
    before_ = fixture_->everything();
    const auto place = target(fixture_->url());
    ASSERT_TRUE(do_steps(*place, copy, 2));
    ticket_ = place->hand_over().value();
  }
  std::unique_ptr<Switchover> again(const std::string& url) const {
    return kind_of(url).value()->open_switchover({url, {}, {}}, ticket_).value();
  }
  std::unique_ptr<Switchover> again() const { return again(fixture_->url()); }
  static Result<void> do_steps_of(Switchover& one, int steps) {
    if (steps > 0) TRY(one.close(false));
    if (steps > 1) TRY(one.swap());
    if (steps > 2) TRY(one.open());
    return {};
  }
  static Result<void> undo(Switchover& one) {
    TRY(one.swap_back());
    TRY(one.open());
    return one.discard();
  }
  void kill_after_steps(int steps) const {
    Child child([&] {
      const auto one = again();
      if (!do_steps_of(*one, steps)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(child.wait())) << steps;
  }
  bool is_closed() const {
    return fixture_->content(fixture_->url()).find("error: ") != std::string::npos;
  }
  std::string new_, old_, ticket_;
  std::map<std::string, std::string> before_;
};

TEST_P(SwitchoverPromises, WhoeverHasTheTicketGoesOn) {
  for (int steps = 0; steps <= 3; ++steps) {
    ASSERT_NO_FATAL_FAILURE(hand_over());
    kill_after_steps(steps);
    const auto one = again();
    ASSERT_TRUE(do_steps_of(*one, 1));
    const auto kept = one->swap();
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(one->swap().value(), *kept);
    ASSERT_TRUE(one->open());
    ASSERT_TRUE(one->open());
    EXPECT_TRUE(fixture_->content(fixture_->url()) == new_) << steps;
    EXPECT_TRUE(fixture_->kept_content(*kept) == old_) << steps;
    EXPECT_TRUE(fixture_->commit(1000));
  }
}

TEST_P(SwitchoverPromises, WhoeverHasTheTicketUndoes) {
  for (int steps = 0; steps <= 2; ++steps) {
    ASSERT_NO_FATAL_FAILURE(hand_over());
    kill_after_steps(steps);
    const auto undone = undo(*again());
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_TRUE(undo(*again()));
    EXPECT_TRUE(fixture_->everything() == before_) << steps;
    EXPECT_TRUE(fixture_->content(fixture_->url()) == old_) << steps;
    EXPECT_TRUE(fixture_->commit(1000));
  }
}

TEST_P(SwitchoverPromises, OneNobodyGetsInBetween) {
  ASSERT_NO_FATAL_FAILURE(hand_over());
  const bool for_good = again()->closed_for_good();
  for (int steps = 1; steps <= 2; ++steps) {
    kill_after_steps(steps);
    EXPECT_EQ(is_closed(), for_good) << steps;
    const auto one = again();
    ASSERT_TRUE(do_steps_of(*one, steps));
    EXPECT_TRUE(is_closed()) << steps;
  }
  const auto one = again();
  ASSERT_TRUE(do_steps_of(*one, 3));
  EXPECT_FALSE(is_closed());
}

TEST_P(SwitchoverPromises, OneWhoUsesTheOldIsNamed) {
  ASSERT_NO_FATAL_FAILURE(hand_over());
  Child user(fixture_->reader());
  user.wait_until_ready();
  const auto one = again();
  const auto closed = one->close(false);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::busy);
  EXPECT_NE(closed.error().message.find(user.id()), std::string::npos) << closed.error().message;
  user.kill();
  ASSERT_TRUE(undo(*one));
  EXPECT_TRUE(fixture_->content(fixture_->url()) == old_);
  EXPECT_TRUE(fixture_->commit(1000));
}

TEST_P(SwitchoverPromises, WhereNothingWas) {
  const Copy copy = backup();
  const auto before = fixture_->everything();
  for (const bool forward : {false, true}) {
    const auto place = target(fixture_->other_url());
    ASSERT_TRUE(do_steps(*place, copy, 2));
    ticket_ = place->hand_over().value();
    const auto one = again(fixture_->other_url());
    ASSERT_TRUE(do_steps_of(*one, 1));
    EXPECT_EQ(one->swap().value(), "");
    ASSERT_TRUE(forward ? one->open() : undo(*one));
    EXPECT_EQ(fixture_->everything() == before, !forward);
  }
  EXPECT_TRUE(fixture_->content(fixture_->other_url()) == fixture_->content(fixture_->url()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SwitchoverPromises, ::testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace stillpoint::database
