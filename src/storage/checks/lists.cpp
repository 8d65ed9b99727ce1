// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <map>
#include <thread>

#include "storage/checks/checks.h"

namespace stillpoint::storage::checks {
namespace {

using Sizes = std::map<std::string, std::uint64_t>;

// Fails where a name comes twice or is not below the prefix.
Result<Sizes> listed(Backend& backend, std::string_view prefix) {
  Sizes sizes;
  TRY(backend.list(prefix, [&](const ObjectInfo& info) -> Result<void> {
    TRY(expect(info.name.starts_with(prefix), "{} was listed below {}", info.name, prefix));
    return expect(sizes.emplace(info.name, info.bytes).second, "{} was listed twice", info.name);
  }));
  return sizes;
}

Result<Sizes> put_many(const Scratch& scratch, int count) {
  Sizes sizes;
  for (int i = 0; i < count; ++i) {
    const std::string folder = i % 3 == 0 ? "" : fmt::format("{}/", i % 5);
    sizes[scratch.name(fmt::format("{}object-{}", folder, i))] = static_cast<std::uint64_t>(i);
  }
  TRY(at_once(4, [&](int thread) -> Result<void> {
    int i = 0;
    for (const auto& [name, size] : sizes) {
      if (i++ % 4 != thread) continue;
      TRY(scratch.backend.put(name, random_bytes(size, size), PutMode::create_only));
    }
    return {};
  }));
  return sizes;
}

}  // namespace

Result<void> list_all(const Scratch& scratch) {
  const Sizes wanted = TRY(put_many(scratch, 120));
  const Sizes found = TRY(listed(scratch.backend, scratch.prefix));
  TRY(expect(found == wanted, "of {} objects {} were listed, or with other sizes", wanted.size(),
             found.size()));
  // Everything: the storage may hold more than ours.
  const Sizes all = TRY(listed(scratch.backend, ""));
  for (const auto& [name, size] : wanted) {
    TRY(expect(all.contains(name), "{} is missing from the list of everything", name));
  }
  return {};
}

Result<void> list_prefix(const Scratch& scratch) {
  for (const std::string_view name : {"a/1", "a/b/2", "ab/3", "a-b/4", "c"}) {
    TRY(scratch.backend.put(scratch.name(name), {}, PutMode::create_only));
  }
  const std::pair<std::string_view, Sizes> wanted[] = {
      {"a/", {{scratch.name("a/1"), 0}, {scratch.name("a/b/2"), 0}}},
      {"a/b/", {{scratch.name("a/b/2"), 0}}},
      {"ab/", {{scratch.name("ab/3"), 0}}},
      {"c/", {}},
      {"none/", {}}};
  for (const auto& [prefix, sizes] : wanted) {
    const Sizes found = TRY(listed(scratch.backend, scratch.name(prefix)));
    TRY(expect(found == sizes, "below {} there are {} objects, but {} were listed", prefix,
               sizes.size(), found.size()));
  }
  return {};
}

Result<void> list_visitor(const Scratch& scratch) {
  TRY(put_many(scratch, 3));
  int visits = 0;
  const Result<void> ended =
      scratch.backend.list(scratch.prefix, [&](const ObjectInfo&) -> Result<void> {
        ++visits;
        return fail(Errc::locked, "the visitor's own failure");
      });
  TRY(expect_failure(ended, Errc::locked, "list with a visitor that fails"));
  return expect(visits == 1, "the visitor failed but was called {} times", visits);
}

Result<void> list_while_writing(const Scratch& scratch) {
  const Sizes lasting = TRY(put_many(scratch, 60));
  std::atomic<bool> done = false;
  return at_once(3, [&](int thread) -> Result<void> {
    if (thread == 0) {
      const auto look = [&]() -> Result<void> {
        for (int i = 0; i < 20; ++i) {
          const Sizes found = TRY(listed(scratch.backend, scratch.prefix));
          for (const auto& [name, size] : lasting) {
            TRY(expect(found.contains(name), "{} was not listed while others wrote", name));
          }
        }
        return {};
      };
      const Result<void> seen = look();
      done = true;
      return seen;
    }
    for (int i = 0; !done;) {
      for (const auto& [name, size] : lasting) {  // replaced, but never gone
        if (done || ++i % 3 == 0) continue;
        TRY(scratch.backend.put(name, random_bytes(size, 1), PutMode::replace));
        const std::string passing = scratch.name(fmt::format("1/passing-{}-{}", thread, i % 7));
        TRY(scratch.backend.put(passing, {}, PutMode::replace));
        if (i % 2 == 0) TRY(scratch.backend.remove(passing));
      }
    }
    return {};
  });
}

Result<void> remove_while_listing(const Scratch& scratch) {
  const Sizes wanted = TRY(put_many(scratch, 30));
  std::size_t removed = 0;
  TRY(scratch.backend.list(scratch.prefix, [&](const ObjectInfo& info) -> Result<void> {
    ++removed;
    return scratch.backend.remove(info.name);
  }));
  TRY(expect(removed == wanted.size(), "of {} objects {} were listed while they were removed",
             wanted.size(), removed));
  const Sizes left = TRY(listed(scratch.backend, scratch.prefix));
  return expect(left.empty(), "{} objects are listed that were removed", left.size());
}

}  // namespace stillpoint::storage::checks
