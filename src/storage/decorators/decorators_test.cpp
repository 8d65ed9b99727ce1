// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"
#include "storage/decorators/limited.h"
#include "storage/decorators/retrying.h"
#include "storage/decorators/watched.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::storage {
namespace {

using base::view_of;
using std::chrono::milliseconds;
using std::chrono::seconds;
using enum Fault::Kind;

// Time that passes only by waiting.
struct FakeTime {
  Timer::Clock::time_point time = {};
  std::vector<Timer::Clock::duration> waits = {};

  Timer timer() {
    return {[this] { return time; },
            [this](Timer::Clock::duration wait, const std::stop_token& stop) {
              if (stop.stop_requested()) return false;
              waits.push_back(wait);
              time += wait;
              return true;
            }};
  }
};

struct Retry : testing::Test {
  FakeTime time;
  std::stop_source stop;
  std::shared_ptr<Counters> counters = std::make_shared<Counters>();
  std::shared_ptr<MemoryBackend::Store> store = std::make_shared<MemoryBackend::Store>();

  // Retrying in front of Faulty in front of Counting: what arrives is counted.
  Retrying over(std::vector<Fault> faults) {
    auto memory = std::make_unique<MemoryBackend>("test", store);
    auto counting = std::make_unique<Counting>(std::move(memory), counters);
    return Retrying(std::make_unique<Faulty>(std::move(counting), std::move(faults)),
                    stop.get_token(), time.timer());
  }
};

TEST_F(Retry, WaitsLongerEachTimeAndThenSucceeds) {
  Retrying backend = over({{Operation::put, 1, 4, before}});
  ASSERT_TRUE(backend.put("a", view_of("x"), PutMode::replace));
  ASSERT_EQ(time.waits.size(), 4U);
  milliseconds whole = limits::storage_wait_first;
  for (const auto wait : time.waits) {
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
    whole *= 2;
  }
}

TEST_F(Retry, GivesUpAfterTheLastTry) {
  Retrying backend = over({{Operation::stat, 1, 1000, before}});
  const Error error = backend.stat("a").error();
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_THAT(error.message, testing::HasSubstr("(tried 5 times)"));
  EXPECT_EQ(time.waits.size(), 4U);
  EXPECT_EQ(counters->stats, 0U);
}

TEST_F(Retry, DoesNotRepeatWhatWouldFailAgain) {
  Retrying backend = over({{Operation::get, 1, 1, before, Errc::denied}});
  EXPECT_EQ(backend.get("a").error().code, Errc::denied);
  EXPECT_EQ(backend.get("a").error().code, Errc::not_found);
  EXPECT_TRUE(time.waits.empty());
}

TEST_F(Retry, KnowsItsOwnObjectAfterAnUnknownOutcome) {
  Retrying backend = over({{Operation::put, 1, 1, after}});
  EXPECT_TRUE(backend.put("a", view_of("ours"), PutMode::create_only));
  EXPECT_EQ(counters->puts, 2U);
  // Without a failure before it, the same answer means what it says.
  EXPECT_EQ(backend.put("a", view_of("ours"), PutMode::create_only).error().code,
            Errc::already_exists);
}

TEST_F(Retry, LeavesTheObjectOfAnotherWriterAlone) {
  Retrying backend = over({{Operation::put, 2, 1, before}});
  ASSERT_TRUE(backend.put("a", view_of("theirs"), PutMode::create_only));
  EXPECT_EQ(backend.put("a", view_of("ours"), PutMode::create_only).error().code,
            Errc::already_exists);
  EXPECT_EQ(base::text_of(backend.get("a").value()), "theirs");
}

TEST_F(Retry, ListsEveryNameOnceThoughTheListBreaksOff) {
  Retrying backend = over({{Operation::list, 1, 2, after}});
  ASSERT_TRUE(backend.put("a", {}, PutMode::create_only));
  int visits = 0;
  ASSERT_TRUE(backend.list("", [&](const ObjectInfo&) -> Result<void> {
    ++visits;
    return {};
  }));
  EXPECT_EQ(visits, 1);
  EXPECT_EQ(counters->lists, 3U);
}

TEST_F(Retry, DoesNotRepeatAListForItsVisitor) {
  Retrying backend = over({});
  ASSERT_TRUE(backend.put("a", {}, PutMode::create_only));
  const auto visit = [](const ObjectInfo&) -> Result<void> {
    return fail(Errc::unavailable, "the visitor's");
  };
  EXPECT_EQ(backend.list("", visit).error().message, "the visitor's");
  EXPECT_EQ(counters->lists, 1U);
}

TEST_F(Retry, EndsItsWaitsWhenStoppedButStillTriesOnce) {
  Retrying backend = over({{Operation::get, 1, 1, before}});
  stop.request_stop();
  EXPECT_EQ(backend.get("a").error().code, Errc::cancelled);
  EXPECT_TRUE(backend.remove("a"));
}

TEST(RealTimer, WaitsAndIsWokenByAStop) {
  const Timer timer = Timer::real();
  EXPECT_TRUE(timer.wait(milliseconds(1), {}));
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(20));
    stop.request_stop();
  });
  const auto begin = timer.now();
  EXPECT_FALSE(timer.wait(seconds(100), stop.get_token()));
  EXPECT_LT(timer.now() - begin, seconds(50));
}

TEST(Limit, KeepsTheRateOnAverage) {
  FakeTime time;
  Limited backend(make_memory(), {.up = 1000, .down = 500}, {}, time.timer());
  const Bytes bytes(1000);
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(backend.put("a", bytes, PutMode::replace));
  EXPECT_EQ(time.time.time_since_epoch(), seconds(10));  // the first second was in the bucket
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(backend.get("a"));
  EXPECT_EQ(time.time.time_since_epoch(), seconds(10 + 9));
  time.time += seconds(100);  // idle time is worth one second, not a hundred
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(backend.put("a", bytes, PutMode::replace));
  EXPECT_EQ(time.time.time_since_epoch(), seconds(10 + 9 + 100 + 1));
}

TEST(Limit, DoesNothingWhereThereIsNone) {
  FakeTime time;
  Limited backend(make_memory(), {}, {}, time.timer());
  ASSERT_TRUE(backend.put("a", Bytes(1'000'000), PutMode::replace));
  ASSERT_TRUE(backend.get("a"));
  EXPECT_TRUE(time.waits.empty());
}

TEST(Limit, EndsItsWaitsWhenStopped) {
  FakeTime time;
  std::stop_source stop;
  Limited backend(make_memory(), {.up = 10, .down = 10}, stop.get_token(), time.timer());
  stop.request_stop();
  EXPECT_EQ(backend.put("a", Bytes(100), PutMode::replace).error().code, Errc::cancelled);
  EXPECT_EQ(backend.stat("a").error().code, Errc::not_found);
}

// Comes back from a stat when it is let go, and visits a list slowly.
class Stuck : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ObjectInfo> stat(std::string_view name) override {
    let_go.get_future().wait();
    return inner().stat(name);
  }
  Result<void> list(std::string_view, const Visit& visit) override {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(milliseconds(15));
      TRY(visit({"a", 1}));
    }
    return {};
  }
  std::promise<void> let_go;
};

TEST(Watch, TellsOfACallThatDoesNotComeBackAndOfNoOther) {
  auto stuck = std::make_unique<Stuck>(make_memory());
  Stuck& storage = *stuck;
  std::vector<Error> told;
  Watched backend(std::move(stuck), milliseconds(200), [&](const Error& error) {
    told.push_back(error);
    storage.let_go.set_value();
  });
  EXPECT_TRUE(backend.list("", [](const ObjectInfo&) -> Result<void> { return {}; }));
  EXPECT_TRUE(backend.put("locks/a", {}, PutMode::create_only));
  EXPECT_TRUE(told.empty()) << "it took longer in all, and went on";
  EXPECT_TRUE(backend.stat("locks/a"));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].code, Errc::unavailable);
  EXPECT_THAT(told[0].message, testing::HasSubstr("memory:: stat locks/a: no answer for 200"));
  EXPECT_FALSE(told[0].advice.empty());
}

TEST(Count, CountsCallsBytesAndFailures) {
  const auto counters = std::make_shared<Counters>();
  Counting backend(make_memory(), counters);
  ASSERT_TRUE(backend.put("a", view_of("12345"), PutMode::create_only));
  EXPECT_FALSE(backend.put("a", view_of("12345"), PutMode::create_only));
  ASSERT_TRUE(backend.get("a", {1, 3}));
  EXPECT_FALSE(backend.get("a", {1, 5}));
  EXPECT_FALSE(backend.stat("b"));
  ASSERT_TRUE(backend.list("", [](const ObjectInfo&) -> Result<void> { return {}; }));
  ASSERT_TRUE(backend.remove("a"));
  EXPECT_EQ(counters->puts, 2U);
  EXPECT_EQ(counters->gets, 2U);
  EXPECT_EQ(counters->stats, 1U);
  EXPECT_EQ(counters->lists, 1U);
  EXPECT_EQ(counters->removes, 1U);
  EXPECT_EQ(counters->bytes_up, 5U);
  EXPECT_EQ(counters->bytes_down, 3U);
  EXPECT_EQ(counters->failures, 1U);  // the corrupt range
}

TEST(Faults, StrikeTheCallsTheyAreMadeFor) {
  Faulty backend(make_memory(), {{Operation::put, 2, 2, before, Errc::no_space},
                                 {Operation::remove, 1, 1, after},
                                 {Operation::get, 2, 1, truncate}});
  EXPECT_TRUE(backend.put("a", view_of("1234"), PutMode::create_only));
  EXPECT_EQ(backend.put("b", {}, PutMode::create_only).error().code, Errc::no_space);
  EXPECT_EQ(backend.put("b", {}, PutMode::create_only).error().code, Errc::no_space);
  EXPECT_FALSE(backend.stat("b"));
  EXPECT_TRUE(backend.put("b", {}, PutMode::create_only));
  EXPECT_EQ(backend.get("a")->size(), 4U);
  EXPECT_EQ(backend.get("a")->size(), 2U);
  EXPECT_EQ(backend.remove("a").error().code, Errc::unavailable);
  EXPECT_EQ(backend.get("a").error().code, Errc::not_found);
}

TEST(Faults, TearPutsAndSayItOrNot) {
  Faulty backend(make_memory(),
                 {{Operation::put, 1, 1, torn}, {Operation::put, 2, 1, torn_silently}});
  EXPECT_EQ(backend.put("a", view_of("1234"), PutMode::create_only).error().code,
            Errc::unavailable);
  EXPECT_TRUE(backend.put("b", view_of("5678"), PutMode::create_only));
  EXPECT_EQ(base::text_of(backend.get("a").value()), "12");
  EXPECT_EQ(base::text_of(backend.get("b").value()), "56");
}

TEST(Faults, CountAllOperationsTogetherForAny) {
  Faulty backend(make_memory(), {{.at = 3}});
  EXPECT_TRUE(backend.put("a", {}, PutMode::create_only));
  EXPECT_TRUE(backend.stat("a"));
  EXPECT_EQ(backend.get("a").error().code, Errc::unavailable);
  EXPECT_TRUE(backend.get("a"));
}

}  // namespace
}  // namespace stillpoint::storage
