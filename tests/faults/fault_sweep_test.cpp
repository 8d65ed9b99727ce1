// SPDX-License-Identifier: Apache-2.0
// The n-th call to the storage goes wrong, for every n until the operation is through: after each,
// `check` is clean, every finished backup is as it was, what is visible is whole, and the next
// operation succeeds without help.
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"
#include "tests/faults/fault_world.h"

namespace stillpoint {
namespace {

using storage::Fault;

enum class Trouble {
  fails,
  fails_after,       // it fails, and it was done
  fails_from_there,  // and so do all calls that follow
  gives_half,        // a get gives fewer bytes than were asked for
  stores_half,       // a put fails half-way
  stores_half_silently,
  hangs_and_goes_on,  // for so long that others believe it dead
  hangs_and_fails,
  hangs_beside_backups,  // and goes on
};

constexpr int calls_max = 600;

bool hangs(Trouble trouble) {
  return trouble == Trouble::hangs_and_goes_on || trouble == Trouble::hangs_and_fails ||
         trouble == Trouble::hangs_beside_backups;
}

std::vector<Fault> faults_of(Trouble trouble, int n) {
  using Kind = Fault::Kind;
  Fault fault;
  fault.at = n;
  switch (trouble) {
    case Trouble::hangs_and_goes_on:
    case Trouble::hangs_beside_backups:
      return {};
    case Trouble::fails:
    case Trouble::hangs_and_fails:
      break;
    case Trouble::fails_after:
      fault.kind = Kind::after;
      break;
    case Trouble::fails_from_there:
      fault.times = 1'000'000;
      break;
    case Trouble::gives_half:
      fault.operation = storage::Operation::get;
      fault.kind = Kind::truncate;
      break;
    case Trouble::stores_half:
    case Trouble::stores_half_silently:
      fault.operation = storage::Operation::put;
      fault.kind = trouble == Trouble::stores_half ? Kind::torn : Kind::torn_silently;
      break;
  }
  return {fault};
}

// How many calls of those that the trouble is about there were.
std::uint64_t calls(Trouble trouble, const storage::Counters& counters) {
  if (trouble == Trouble::gives_half) return counters.gets;
  if (trouble == Trouble::stores_half || trouble == Trouble::stores_half_silently) {
    return counters.puts;
  }
  return counters.puts + counters.gets + counters.stats + counters.lists + counters.removes;
}

class FaultSweep : public FaultWorld,
                   public ::testing::WithParamInterface<std::tuple<Operation, Trouble>> {
 protected:
  Operation operation() const { return std::get<0>(GetParam()); }
  Trouble trouble() const { return std::get<1>(GetParam()); }

  // Runs the operation with trouble at its n-th call. False: there were fewer.
  bool attempt(int n, Result<void>& done) {
    const auto counters = std::make_shared<storage::Counters>();
    const auto hook = std::make_shared<repository::Hooked::Hook>();
    hook->at = hangs(trouble()) ? n : 0;
    hook->call = [this] {
      if (trouble() == Trouble::hangs_beside_backups) return others_back_up(operation());
      others_work(operation());
    };
    auto faulty =
        std::make_unique<storage::Faulty>(storage_of(operation()), faults_of(trouble(), n));
    auto hooked = std::make_unique<repository::Hooked>(std::move(faulty), hook);
    done = run(operation(), std::make_unique<storage::Counting>(std::move(hooked), counters));
    return calls(trouble(), *counters) >= static_cast<std::uint64_t>(n);
  }

  // What the operation was to bring about.
  void expect_done(const std::string& where) const {
    const auto [here, there] = visible();
    if (operation() == Operation::forget) {
      ASSERT_EQ(here, 2U) << where;
    }
    const bool copies = operation() == Operation::copy_from || operation() == Operation::copy_to;
    if (copies) {
      ASSERT_GT(there, here) << where;  // it had one of its own
    }
  }

  void expect_sound(const std::string& where) {
    ASSERT_EQ(what_is_lost(), "") << where;
    ASSERT_THAT(findings(), ::testing::IsEmpty()) << where;
    pass(std::chrono::minutes(31));  // of a lock that could not be removed, if its process lives
    const Operation next = is_about_keys(operation()) ? Operation::key_add : operation();
    const auto again = run(next, storage_of(operation()));
    ASSERT_TRUE(again) << where << ": " << again.error().message;
    expect_done(where);
    if (stores(operation())) expect_pruned(operation(), where);
  }
};

TEST_P(FaultSweep, LeavesAllSound) {
  int failed = 0;
  for (int n = 1;; ++n) {
    begin();
    Result<void> done;
    const bool struck = attempt(n, done);
    const std::string where = "call " + std::to_string(n);
    if (!done) {
      ++failed;
      ASSERT_FALSE(done.error().message.empty()) << where;
    }
    if (!done && operation() == Operation::backup && trouble() == Trouble::hangs_and_goes_on) {
      ASSERT_EQ(done.error().code, Errc::locked) << where << ": " << done.error().message;
      ASSERT_FALSE(done.error().advice.empty()) << where;
    }
    if (trouble() == Trouble::stores_half_silently) {
      const std::string lost = what_is_lost();
      ASSERT_TRUE(lost.empty() || !findings().empty()) << where << ": check does not see: " << lost;
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_sound(where));
    }
    ASSERT_FALSE(HasFailure()) << where;
    if (!struck) {
      ASSERT_TRUE(done) << where << ": " << done.error().message;
      break;
    }
    // Of the first ones, config and keys, a key that does not open is passed over.
    if (operation() == Operation::check && trouble() == Trouble::gives_half && n > 3) {
      ASSERT_FALSE(done) << where << ": not noticed";
    }
    ASSERT_LT(n, calls_max);
  }
  // Half a put that says nothing is noticed by others, later.
  const bool matters = trouble() != Trouble::stores_half_silently && stores(operation());
  if (matters) {
    EXPECT_GT(failed, 0) << "the sweep struck nothing";
  }
}

const std::vector<std::pair<Operation, const char*>> operations = {
    {Operation::backup, "backup"},
    {Operation::restore, "restore"},
    {Operation::prune, "prune"},
    {Operation::copy_from, "copy_from"},
    {Operation::copy_to, "copy_to"},
    {Operation::forget, "forget"},
    {Operation::key_add, "key_add"},
    {Operation::key_remove, "key_remove"},
    {Operation::key_remove_in_use, "key_remove_in_use"},
    {Operation::key_change, "key_change"},
    {Operation::check, "check"},
};
const std::vector<std::pair<Trouble, const char*>> troubles = {
    {Trouble::fails, "fails"},
    {Trouble::fails_after, "fails_after"},
    {Trouble::fails_from_there, "fails_from_there"},
    {Trouble::gives_half, "gives_half"},
    {Trouble::stores_half, "stores_half"},
    {Trouble::stores_half_silently, "stores_half_silently"},
    {Trouble::hangs_and_goes_on, "hangs_and_goes_on"},
    {Trouble::hangs_and_fails, "hangs_and_fails"},
    {Trouble::hangs_beside_backups, "hangs_beside_backups"},
};

template <class T>
std::vector<T> firsts(const std::vector<std::pair<T, const char*>>& named) {
  std::vector<T> all;
  for (const auto& [value, name] : named) all.push_back(value);
  return all;
}

template <class T>
std::string name_of(const std::vector<std::pair<T, const char*>>& named, T value) {
  for (const auto& [one, name] : named) {
    if (one == value) return name;
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Of, FaultSweep,
                         ::testing::Combine(::testing::ValuesIn(firsts(operations)),
                                            ::testing::ValuesIn(firsts(troubles))),
                         [](const auto& made) {
                           return name_of(operations, std::get<0>(made.param)) + "_" +
                                  name_of(troubles, std::get<1>(made.param));
                         });

}  // namespace
}  // namespace stillpoint
