// SPDX-License-Identifier: Apache-2.0
#include "window/pause.h"

#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing.h"
#include "window/scalar_admin/testing.h"

namespace stillpoint::window {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Status codes of gRPC.
constexpr int invalid_argument = 3;
constexpr int failed_precondition = 9;
constexpr int aborted = 10;
constexpr int internal = 13;
constexpr int unavailable = 14;

class PauseTest : public ::testing::Test {
 protected:
  PauseTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "stillpoint-pause-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.journals = folder_ / "windows";
    options_.drain_max = 5s;
    options_.call_max = 2s;
    options_.let_go_max = 2s;
    options_.watch_every = 20ms;
  }
  ~PauseTest() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<Pause>> begin(const std::vector<const TestApplication*>& who) {
    return Pause::begin({service_of(who)}, options_, {});
  }
  std::size_t journals() const { return journals_in(options_.journals).size(); }

  // Waits for the watch to find it out; the test's own limit bounds it.
  static void wait_until_void(const Pause& pause) {
    while (!pause.voided().stop_requested()) std::this_thread::sleep_for(1ms);
  }

  std::filesystem::path folder_;
  PauseOptions options_;
  TestApplication a_;
  TestApplication b_;
  TestApplication c_;
};

void expect_failure(const Result<std::unique_ptr<Pause>>& outcome, Errc code,
                    const std::string& words) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, code) << outcome.error().message;
  EXPECT_THAT(outcome.error().message, HasSubstr(words));
  EXPECT_NE(outcome.error().advice, "");
}

TEST_F(PauseTest, AllArePausedAndLetGo) {
  auto pause = begin({&a_, &b_, &c_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE(a_.paused() && b_.paused() && c_.paused());
  EXPECT_EQ(journals(), 1U);
  const auto ended = (*pause)->end();
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_FALSE(a_.paused() || b_.paused() || c_.paused());
  EXPECT_EQ(journals(), 0U);
  const PauseEvidence evidence = (*pause)->evidence();
  EXPECT_EQ(evidence.instances.size(), 3U);
  EXPECT_LE(evidence.asked, evidence.begin);
  EXPECT_LT(evidence.begin, evidence.end);
  EXPECT_LE(evidence.end, evidence.let_go);
  EXPECT_EQ(evidence.against, std::vector<std::string>());
  EXPECT_EQ(a_.count("Pause wait 5000"), 1);
  EXPECT_EQ(a_.count("Unpause"), 1);
}

TEST_F(PauseTest, AConnectionThatFailsAtFirstIsTriedAgain) {
  b_.stop();
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    b_.start();
  });
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE((*pause)->end());
}

TEST_F(PauseTest, GoingOutOfScopeLetsGo) {
  {
    auto pause = begin({&a_});
    ASSERT_TRUE(pause);
    EXPECT_TRUE(a_.paused());
  }
  EXPECT_FALSE(a_.paused());
  EXPECT_EQ(journals(), 0U);
}

TEST_F(PauseTest, ItWaitsForWhatRuns) {
  a_.enter();
  std::jthread working([&] {
    while (!a_.paused()) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(50ms);
    a_.leave();
  });
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause) << pause.error().message;
  working.join();
  const PauseEvidence evidence = (*pause)->evidence();
  EXPECT_GE(evidence.instances[0].took + evidence.instances[1].took, 50ms);
  EXPECT_TRUE((*pause)->end());
}

TEST_F(PauseTest, WithoutDrainItDoesNotWait) {
  options_.drain = false;
  a_.enter();
  auto pause = begin({&a_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_EQ(a_.count("Pause wait"), 0);
  EXPECT_TRUE((*pause)->end());
  a_.leave();
}

// One of three cannot be paused: it is named, the others are let go, and it is not touched.
struct Fault {
  const char* name;
  Behaviour behaviour;
  const char* says;
  bool undone;  // it may be paused by us, so it is unpaused as well
};

class PausesThatFail : public PauseTest, public ::testing::WithParamInterface<Fault> {};

TEST_P(PausesThatFail, LetTheOthersGo) {
  const Fault& fault = GetParam();
  options_.drain_max = 100ms;
  b_.behave(fault.behaviour);
  const auto pause = begin({&a_, &b_, &c_});
  expect_failure(pause, Errc::not_held, net::to_text(b_.address()));
  EXPECT_THAT(pause.error().message, HasSubstr(fault.says));
  EXPECT_FALSE(a_.paused() || c_.paused());
  EXPECT_EQ(b_.count("Unpause") > 0, fault.undone);
  while (fault.behaviour.pause_late && b_.count("paused late") == 0)
    std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(fault.undone && b_.paused());
  EXPECT_EQ(journals(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    All, PausesThatFail,
    ::testing::Values(
        Fault{
            "TimedOut", {.pause = FixedAnswer{failed_precondition, "TIMED_OUT"}}, "in time", false},
        Fault{
            "TimedOutOldServer", {.pause = FixedAnswer{failed_precondition, ""}}, "in time", false},
        Fault{"StillPausedByOthers",
              {.pause = FixedAnswer{failed_precondition, "TIMED_OUT_STILL_PAUSED"},
               .close_anyway = true},
              "somebody else",
              false},
        Fault{"PauseInProgress",
              {.pause = FixedAnswer{aborted, "PAUSE_IN_PROGRESS"}, .close_anyway = true},
              "somebody else is pausing it",
              false},
        Fault{"GateOpen", {.pause = FixedAnswer{aborted, "GATE_OPEN"}}, "unpaused it", false},
        Fault{"AbortedWithoutReason",
              {.pause = FixedAnswer{aborted, ""}},
              "answer of the test",
              false},
        Fault{"AReasonOfTheFuture",
              {.pause = FixedAnswer{aborted, "NEW_THING"}},
              "answer of the test",
              false},
        Fault{"InvalidArgument",
              {.pause = FixedAnswer{invalid_argument, ""}},
              "answer of the test",
              false},
        Fault{"Internal",
              {.pause = FixedAnswer{internal, ""}, .close_anyway = true},
              "answer of the test",
              true},
        Fault{"Unavailable",
              {.pause = FixedAnswer{unavailable, ""}, .close_anyway = true},
              "answer of the test",
              true},
        Fault{"NeverAnswers", {.pause_hangs = true}, "does not answer", true},
        Fault{"PausesAfterItWasGivenUp", {.pause_late = true}, "does not answer", true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(PauseTest, OneThatIsNotThereHoldsNobody) {
  b_.stop();
  expect_failure(begin({&a_, &b_}), Errc::not_held, net::to_text(b_.address()));
  EXPECT_EQ(a_.count("Pause"), 0);
}

TEST_F(PauseTest, OneThatDoesNotAnswerHoldsNobody) {
  options_.call_max = 200ms;
  b_.behave({.check_hangs = true});
  expect_failure(begin({&a_, &b_}), Errc::not_held, "does not answer");
  EXPECT_EQ(a_.count("Pause"), 0);
}

TEST_F(PauseTest, OneThatSomebodyElseHasPausedIsLeftAlone) {
  b_.pause();
  expect_failure(begin({&a_, &b_}), Errc::not_held, "is paused already");
  EXPECT_EQ(a_.count("Pause"), 0);
  EXPECT_EQ(b_.count("Pause"), 0);
  EXPECT_EQ(b_.count("Unpause"), 0);
  EXPECT_TRUE(b_.paused());
}

TEST_F(PauseTest, AcceptedAsPausedItIsStillNotUnpaused) {
  options_.accept_paused = true;
  b_.pause();
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE(a_.paused());
  EXPECT_TRUE(b_.paused());
}

TEST_F(PauseTest, AFailureDoesNotWaitForTheDrainOfOthers) {
  options_.drain_max = 60s;
  a_.enter();
  b_.behave({.pause = FixedAnswer{aborted, "PAUSE_IN_PROGRESS"}});
  const auto started = std::chrono::steady_clock::now();
  expect_failure(begin({&a_, &b_}), Errc::not_held, net::to_text(b_.address()));
  EXPECT_LT(std::chrono::steady_clock::now() - started, 20s);
  EXPECT_FALSE(a_.paused());
  a_.leave();
}

TEST_F(PauseTest, AStopRequestWhileDrainingLetsGo) {
  options_.drain_max = 60s;
  a_.enter();
  std::stop_source stop;
  std::jthread stopping([&] {
    while (!a_.paused()) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  const auto pause = Pause::begin({service_of({&a_, &b_})}, options_, stop.get_token());
  ASSERT_FALSE(pause);
  EXPECT_EQ(pause.error().code, Errc::cancelled) << pause.error().message;
  EXPECT_FALSE(a_.paused() || b_.paused());
  EXPECT_EQ(journals(), 0U);
  a_.leave();
}

// While the window is open.

TEST_F(PauseTest, OneThatSomebodyUnpausesVoidsTheWindow) {
  auto pause = begin({&a_, &b_, &c_});
  ASSERT_TRUE(pause);
  b_.unpause();
  wait_until_void(**pause);
  EXPECT_FALSE(a_.paused() || c_.paused());  // at once, not only at the end
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::not_held);
  EXPECT_THAT(ended.error().message,
              HasSubstr(net::to_text(b_.address()) + " is not paused any more"));
  EXPECT_THAT(ended.error().message, Not(HasSubstr(net::to_text(a_.address()))));
  EXPECT_EQ(journals(), 0U);
}

TEST_F(PauseTest, OneThatSomebodyUnpausesBetweenTwoLooksVoidsTheWindow) {
  options_.watch_every = 1h;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.unpause();
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("is not paused any more"));
}

TEST_F(PauseTest, OneThatRestartsVoidsTheWindow) {
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.stop();
  b_.start();
  wait_until_void(**pause);
  EXPECT_FALSE(a_.paused());
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr(net::to_text(b_.address())));
}

// Nothing but its connection tells: it is paused again by somebody when we look.
TEST_F(PauseTest, OneThatRestartsAndIsPausedAgainVoidsTheWindow) {
  options_.watch_every = 1h;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.stop();
  b_.start();
  b_.pause();
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::not_held) << ended.error().message;
  EXPECT_THAT(ended.error().message, HasSubstr("may have restarted"));
  EXPECT_FALSE(a_.paused());
}

TEST_F(PauseTest, OneThatIsGoneVoidsTheWindowAndIsNamed) {
  options_.let_go_max = 300ms;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.stop();
  wait_until_void(**pause);
  EXPECT_FALSE(a_.paused());
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::still_held);
  EXPECT_THAT(ended.error().message,
              HasSubstr(net::to_text(b_.address()) + " may still be paused"));
  EXPECT_EQ(journals(), 1U);  // for the next start
}

TEST_F(PauseTest, OneThatFallsSilentVoidsTheWindow) {
  options_.call_max = 1500ms;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.behave({.check_hangs = true});
  wait_until_void(**pause);
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("does not answer any more"));
  EXPECT_FALSE(a_.paused() || b_.paused());
}

TEST_F(PauseTest, HeldForTooLongIsVoid) {
  options_.hold_max = 100ms;
  options_.watch_every = 1h;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  wait_until_void(**pause);
  EXPECT_FALSE(a_.paused() || b_.paused());
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("longer than 100"));
}

// Instances behind SRV records.

class PauseBySrv : public PauseTest {
 protected:
  PauseBySrv() {
    service_.srv = "_admin._tcp.bank.test";
    service_.dns = dns_.options();
    set({&a_, &b_});
  }
  void set(const std::vector<const TestApplication*>& who) {
    dns_.records().with([&](net::TestRecords& records) {
      auto& srv = records.srv[service_.srv];
      srv.clear();
      for (const auto* one : who) srv.push_back({"bank.test", one->address().port});
      records.hosts["bank.test"] = {"127.0.0.1"};
    });
  }
  net::TestDns dns_;
  Service service_;
};

TEST_F(PauseBySrv, EveryRecordIsPaused) {
  auto pause = Pause::begin({service_}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE(a_.paused() && b_.paused());
  EXPECT_FALSE(c_.paused());
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE(a_.paused() || b_.paused());
}

TEST_F(PauseBySrv, OneThatAppearsVoidsTheWindow) {
  auto pause = Pause::begin({service_}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  set({&a_, &b_, &c_});
  wait_until_void(**pause);
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message,
              HasSubstr(fmt::format("bank.test:{} (127.0.0.1) appeared", c_.address().port)));
  EXPECT_FALSE(a_.paused() || b_.paused());
  EXPECT_EQ(c_.count("Unpause"), 0);
}

TEST_F(PauseBySrv, OneThatAppearsBetweenTwoLooksVoidsTheWindow) {
  options_.watch_every = 1h;
  auto pause = Pause::begin({service_}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  set({&a_, &b_, &c_});
  EXPECT_FALSE((*pause)->end());
}

TEST_F(PauseBySrv, OneThatAppearsWhileTheOthersDrainIsNoWindow) {
  a_.enter();
  std::jthread working([&] {
    while (!a_.paused()) std::this_thread::sleep_for(1ms);
    set({&a_, &b_, &c_});
    a_.leave();
  });
  const auto pause = Pause::begin({service_}, options_, {});
  expect_failure(pause, Errc::not_held, "appeared");
  EXPECT_FALSE(a_.paused() || b_.paused());
}

TEST_F(PauseBySrv, OneThatVanishesVoidsTheWindowAndIsLetGo) {
  auto pause = Pause::begin({service_}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  set({&a_});
  wait_until_void(**pause);
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("vanished"));
  EXPECT_FALSE(a_.paused() || b_.paused());
}

TEST_F(PauseBySrv, ADnsServerThatFallsSilentVoidsTheWindow) {
  options_.call_max = 1500ms;
  auto pause = Pause::begin({service_}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  dns_.records().with([](net::TestRecords& records) { records.silent = true; });
  wait_until_void(**pause);
  EXPECT_FALSE((*pause)->end());
  EXPECT_FALSE(a_.paused() || b_.paused());
}

TEST_F(PauseBySrv, TwoServicesShareOneWindow) {
  Service other;
  other.addresses = {c_.address()};
  auto pause = Pause::begin({service_, other}, options_, {});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE(a_.paused() && b_.paused() && c_.paused());
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE(a_.paused() || b_.paused() || c_.paused());
}

// Servers of the old kind (facts: measured with the jar of ScalarDB Server 3.13.6).

class OldServers : public PauseTest {
 protected:
  OldServers() {
    for (TestApplication* one : {&a_, &b_}) one->behave({.old_gate = true});
  }
};

TEST_F(OldServers, ArePausedAndLetGo) {
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE(a_.paused() && b_.paused());
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE(a_.paused() || b_.paused());
}

// A pause is answered with OK although somebody unpaused meanwhile.
TEST_F(OldServers, APauseThatWasUndoneMeanwhileIsNoPause) {
  a_.behave({.old_gate = true});
  b_.behave({.old_gate = true, .pause = FixedAnswer{0, ""}});
  const auto pause = begin({&a_, &b_});
  expect_failure(pause, Errc::not_held, net::to_text(b_.address()) + " is not paused any more");
  EXPECT_FALSE(a_.paused());
}

TEST_F(OldServers, OfVersionOneCannotTellWhetherTheyArePaused) {
  a_.behave({.has_check = false});
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause) << pause.error().message;
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE((*pause)->evidence().instances[0].can_tell &&
               (*pause)->evidence().instances[1].can_tell);
  EXPECT_GT(a_.count("Stats"), 0);
}

TEST_F(OldServers, OfVersionOneThatStillWorkAreNotHeld) {
  a_.behave({.pause = FixedAnswer{0, ""}, .has_check = false});
  a_.enter();
  expect_failure(begin({&a_, &b_}), Errc::not_held, net::to_text(a_.address()));
  a_.leave();
}

// Letting go.

TEST_F(PauseTest, UnpausingIsTriedAgain) {
  auto pause = begin({&a_});
  ASSERT_TRUE(pause);
  a_.behave({.unpause_failures = 3});
  EXPECT_TRUE((*pause)->end());
  EXPECT_FALSE(a_.paused());
  EXPECT_EQ(a_.count("Unpause"), 4);
}

TEST_F(PauseTest, WhoWasLetGoIsNotNamedForWantOfTimeToLookAgain) {
  options_.let_go_max = 300ms;
  b_.on_call([&](const std::string& call, bool) {
    if (!call.starts_with("Pause")) return;
    b_.behave({.pause = FixedAnswer{unavailable, ""}, .check_hangs = true});
  });
  const auto pause = begin({&a_, &b_});
  expect_failure(pause, Errc::not_held, net::to_text(b_.address()));
  EXPECT_GT(b_.count("Unpause"), 0);
  EXPECT_EQ(journals(), 0U);
}

TEST_F(PauseTest, WhoCannotBeLetGoIsNamedAndFoundByTheNextStart) {
  options_.let_go_max = 300ms;
  auto pause = begin({&a_, &b_});
  ASSERT_TRUE(pause);
  b_.behave({.unpause_hangs = true});
  const auto ended = (*pause)->end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::still_held);
  EXPECT_THAT(ended.error().message,
              HasSubstr(net::to_text(b_.address()) + " may still be paused"));
  EXPECT_THAT(ended.error().advice, HasSubstr("unpause --journal"));
  EXPECT_FALSE(a_.paused());
  EXPECT_TRUE(b_.paused());
  pause->reset();

  const auto still = recover_all(options_.journals, 300ms);
  ASSERT_EQ(still.size(), 1U);
  ASSERT_TRUE(still[0].outcome) << still[0].outcome.error().message;
  ASSERT_EQ(still[0].outcome->left.size(), 1U);
  EXPECT_EQ(still[0].outcome->left[0].endpoint.address, b_.address());
  const int asked = a_.count("Unpause");
  EXPECT_EQ(asked, 1);  // a is let go, and is not unpaused again

  b_.behave({});
  const auto now = recover_all(options_.journals, 2s);
  ASSERT_EQ(now.size(), 1U);
  EXPECT_TRUE(now[0].outcome && now[0].outcome->left.empty());
  EXPECT_FALSE(b_.paused());
  EXPECT_EQ(journals(), 0U);
}

TEST_F(PauseTest, AJournalThatIsLookedAfterIsLeftAlone) {
  auto pause = begin({&a_});
  ASSERT_TRUE(pause);
  EXPECT_EQ(recover_all(options_.journals, 1s).size(), 0U);
  EXPECT_TRUE(a_.paused());
  EXPECT_TRUE((*pause)->end());
}

TEST_F(PauseTest, LeftPausedOnPurposeNobodyLetsThemGo) {
  auto pause = begin({&a_});
  ASSERT_TRUE(pause);
  EXPECT_TRUE((*pause)->leave_paused());
  pause->reset();
  EXPECT_TRUE(a_.paused());
  EXPECT_EQ(recover_all(options_.journals, 1s).size(), 0U);
  EXPECT_TRUE(a_.paused());
}

struct RefusingCopies : JournalCopies {
  Result<void> put(const std::string&, const std::string&) override {
    return fail(Errc::unavailable, "the repository is away");
  }
  Result<void> remove(const std::string&) override { return {}; }
};

TEST_F(PauseTest, WithoutItsJournalNobodyIsPaused) {
  RefusingCopies copies;
  options_.copies = &copies;
  const auto pause = begin({&a_});
  ASSERT_FALSE(pause);
  EXPECT_THAT(pause.error().message, HasSubstr("the repository is away"));
  EXPECT_EQ(a_.count("Pause"), 0);
  EXPECT_EQ(journals(), 0U);
}

}  // namespace
}  // namespace stillpoint::window
