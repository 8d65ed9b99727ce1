// SPDX-License-Identifier: Apache-2.0
#include "storage/check.h"

#include "base/random.h"
#include "storage/checks/checks.h"

namespace stillpoint::storage {
namespace {

using namespace checks;

struct Check {
  std::string_view name;
  std::string_view promise;
  Result<void> (*run)(const Scratch&);
};

constexpr Check all_checks[] = {
    {"ObjectsComeBackAsTheyWerePut", "an object has the bytes that were put, also none or 8 MiB",
     round_trip},
    {"ReplaceLeavesTheNewObject", "put with replace leaves the new object and nothing of the old",
     replace},
    {"CreateOnlyNeverReplaces", "put with create_only leaves an object alone that exists",
     create_only},
    {"OneOfManyRacingCreatorsWins", "of writers that create the same object one wins",
     racing_creators},
    {"RangesAreExact", "a range gives exactly the bytes that were asked for", ranges},
    {"RangeBeyondTheEndIsCorrupt", "a range that leaves the object is refused, not shortened",
     range_beyond_the_end},
    {"MissingObjectsAreNotFound", "get and stat of what is not there say so", missing},
    {"StatTellsTheSize", "stat tells the bytes that the object has now", stat_size},
    {"ListNamesEveryObjectOnce", "list names every object once, with its size", list_all},
    {"ListStaysBelowThePrefix", "list names nothing outside of the prefix", list_prefix},
    {"ListEndsWithItsVisitor", "a failure of the visitor ends the list", list_visitor},
    {"ListIsCompleteWhileOthersWrite", "list misses nothing while others put and remove",
     list_while_writing},
    {"ListedObjectsMayBeRemoved", "objects may be removed while they are listed",
     remove_while_listing},
    {"RemoveMayBeRepeated", "remove takes the object away, and of what is not there succeeds",
     remove},
    {"BadNamesAreRefused", "names that storages cannot share are invalid", bad_names},
    {"ReadersNeverSeeHalfAnObject", "while an object is replaced, it is the old or the new one",
     readers_while_replacing},
    {"MembersRunAtOnce", "every request may run while others do", members_at_once},
};

Result<void> leave_nothing(const Scratch& scratch) {
  std::vector<std::string> names;
  TRY(scratch.backend.list(scratch.prefix, [&](const ObjectInfo& info) -> Result<void> {
    names.push_back(info.name);
    return {};
  }));
  for (const std::string& name : names) TRY(scratch.backend.remove(name));
  scratch.backend.tidy(scratch.prefix);
  std::size_t left = 0;
  TRY(scratch.backend.list(scratch.prefix, [&](const ObjectInfo&) -> Result<void> {
    ++left;
    return {};
  }));
  return expect(left == 0, "{} objects are left below {}", left, scratch.prefix);
}

}  // namespace

std::vector<CheckResult> check(Backend& backend, const std::stop_token& stop) {
  const Scratch scratch = {backend, "stillpoint-check-" + base::random_token() + "/"};
  std::vector<CheckResult> results;
  for (const Check& one : all_checks) {
    const Result<void> outcome = stop.stop_requested() ? fail(Errc::cancelled, "not tried: stopped")
                                                       : one.run(scratch.folder(one.name));
    results.push_back({std::string(one.name), std::string(one.promise), outcome});
  }
  results.push_back(
      {"NothingIsLeftBehind", "what was removed is no longer listed", leave_nothing(scratch)});
  return results;
}

}  // namespace stillpoint::storage
