// SPDX-License-Identifier: Apache-2.0
// Every backend keeps every promise of backend.h; and the checks notice backends that do not.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "storage/check.h"
#include "storage/decorators/cached.h"
#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"
#include "storage/decorators/limited.h"
#include "storage/decorators/retrying.h"
#include "storage/local/local_backend.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;

Timer without_waits() {
  return {&Timer::Clock::now, [](auto, const auto&) { return true; }};
}

std::unique_ptr<Backend> retrying_over_faults() {
  using enum Fault::Kind;
  // None strikes a create_only put whose object exists with the same bytes: after an unknown
  // outcome nobody can tell that one from success.
  const std::vector<Fault> faults = {
      {Operation::put, 1, 1, after},    {Operation::put, 40, 3, after},
      {Operation::get, 2, 2, before},   {Operation::get, 30, 4, after},
      {Operation::stat, 3, 1, before},  {Operation::list, 1, 2, after},
      {Operation::list, 9, 1, before},  {Operation::remove, 1, 1, after},
      {Operation::remove, 8, 2, before}};
  return std::make_unique<Retrying>(std::make_unique<Faulty>(make_memory(), faults),
                                    std::stop_token(), without_waits());
}

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Backend>(const fs::path& folder)> make;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) {
  return out << kind.name;
}

class Conformance : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "stillpoint-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    backend_ = GetParam().make(folder_ / "storage");
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  std::unique_ptr<Backend> backend_;
};

TEST_P(Conformance, KeepsEveryPromise) {
  const std::vector<CheckResult> results = check(*backend_, {});
  EXPECT_GE(results.size(), 15U);
  for (const CheckResult& result : results) {
    EXPECT_TRUE(result.outcome.has_value())
        << result.name << " (" << result.promise << "): " << result.outcome.error().message;
  }
}

TEST_P(Conformance, LeavesWhatWasThereAndNothingElse) {
  ASSERT_TRUE(backend_->put("config", base::view_of("mine"), PutMode::create_only));
  check(*backend_, {});
  std::vector<std::string> names;
  ASSERT_TRUE(backend_->list("", [&](const ObjectInfo& info) -> Result<void> {
    names.push_back(info.name);
    return {};
  }));
  EXPECT_EQ(names, std::vector<std::string>{"config"});
  std::set<std::string> files;
  if (fs::exists(folder_ / "storage")) {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "storage")) {
      files.insert(entry.path().filename());
    }
    EXPECT_EQ(files, (std::set<std::string>{"config", "tmp"}));
  }
}

TEST_P(Conformance, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  const std::vector<CheckResult> results = check(*backend_, stop.get_token());
  EXPECT_EQ(results.front().outcome.error().code, Errc::cancelled);
  EXPECT_TRUE(results.back().outcome.has_value());  // it still cleans up
}

INSTANTIATE_TEST_SUITE_P(
    Backends, Conformance,
    testing::Values(
        Kind{"Local", [](const fs::path& folder) { return open_local(folder).value(); }},
        Kind{"Memory", [](const fs::path&) { return make_memory(); }},
        Kind{"RetryingOverFaults", [](const fs::path&) { return retrying_over_faults(); }},
        Kind{"Limited",
             [](const fs::path&) {
               return std::make_unique<Limited>(make_memory(), Rates{1'000'000, 1'000'000},
                                                std::stop_token(), without_waits());
             }},
        Kind{"Cached",
             [](const fs::path& folder) {
               auto root = CacheRoot::open(folder.parent_path() / "cache", 1 << 20).value();
               return std::make_unique<Cached>(make_memory(),
                                               CacheFolder::open(std::move(root), Id()).value());
             }},
        Kind{"Counting",
             [](const fs::path&) {
               return std::make_unique<Counting>(make_memory(), std::make_shared<Counters>());
             }}),
    [](const auto& kind) { return kind.param.name; });

// Below, a backend that breaks one promise at a time.
struct Broken : Decorator {
  Broken() : Decorator(make_memory()) {}
};

struct HalfVisible : Broken {  // puts in two steps
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override {
    TRY(inner().put(name, bytes.first(bytes.size() / 2), mode));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return inner().put(name, bytes, PutMode::replace);
  }
};

struct GoneForAMoment : Broken {  // removes before it replaces
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override {
    if (mode == PutMode::replace) {
      TRY(inner().remove(name));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return inner().put(name, bytes, mode);
  }
};

struct CreatorsReplace : Broken {
  Result<void> put(std::string_view name, ByteView bytes, PutMode) override {
    return inner().put(name, bytes, PutMode::replace);
  }
};

struct LooksThenCreates : Broken {  // two creators may both look before either creates
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override {
    if (mode == PutMode::create_only && inner().stat(name)) {
      return fail(Errc::already_exists, "{} exists", name);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return inner().put(name, bytes, PutMode::replace);
  }
};

struct ShortReads : Broken {  // gives what there is of a range
  Result<Bytes> get(std::string_view name, ByteRange range) override {
    const Bytes all = TRY(inner().get(name));
    const std::size_t begin = std::min<std::uint64_t>(range.offset, all.size());
    return base::copy_of(
        ByteView(all).subspan(begin, std::min<std::uint64_t>(range.size, all.size() - begin)));
  }
};

struct StrictRemove : Broken {
  Result<void> remove(std::string_view name) override {
    TRY(inner().stat(name));
    return inner().remove(name);
  }
};

struct ListsTwice : Broken {
  Result<void> list(std::string_view prefix, const Visit& visit) override {
    return inner().list(prefix, [&](const ObjectInfo& info) -> Result<void> {
      TRY(visit(info));
      return visit(info);
    });
  }
};

struct ListsByText : Broken {  // takes "a/" for "a"
  Result<void> list(std::string_view prefix, const Visit& visit) override {
    TRY(check_prefix(prefix));
    const std::string_view text = prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1);
    return inner().list("", [&](const ObjectInfo& info) -> Result<void> {
      return info.name.starts_with(text) ? visit(info) : Result<void>();
    });
  }
};

struct KeepsRemoved : Broken {
  Result<void> remove(std::string_view name) override { return check_name(name); }
};

// The checks that `backend` does not pass.
std::set<std::string> failing(Backend& backend) {
  std::set<std::string> names;
  for (const CheckResult& result : check(backend, {})) {
    if (!result.outcome) names.insert(result.name);
  }
  return names;
}

TEST(BrokenBackend, IsFoundByTheCheckOfItsPromise) {
  using Names = std::set<std::string>;
  EXPECT_TRUE(failing(*std::make_unique<HalfVisible>()).contains("ReadersNeverSeeHalfAnObject"));
  EXPECT_TRUE(failing(*std::make_unique<GoneForAMoment>()).contains("ReadersNeverSeeHalfAnObject"));
  EXPECT_TRUE(
      failing(*std::make_unique<LooksThenCreates>()).contains("OneOfManyRacingCreatorsWins"));
  EXPECT_EQ(failing(*std::make_unique<CreatorsReplace>()),
            (Names{"CreateOnlyNeverReplaces", "OneOfManyRacingCreatorsWins"}));
  EXPECT_EQ(failing(*std::make_unique<ShortReads>()), (Names{"RangeBeyondTheEndIsCorrupt"}));
  EXPECT_TRUE(failing(*std::make_unique<StrictRemove>()).contains("RemoveMayBeRepeated"));
  EXPECT_TRUE(failing(*std::make_unique<ListsTwice>()).contains("ListNamesEveryObjectOnce"));
  EXPECT_TRUE(failing(*std::make_unique<ListsByText>()).contains("ListStaysBelowThePrefix"));
  const Names kept = failing(*std::make_unique<KeepsRemoved>());
  EXPECT_TRUE(kept.contains("RemoveMayBeRepeated") && kept.contains("NothingIsLeftBehind"));
}

}  // namespace
}  // namespace stillpoint::storage
