// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <barrier>

#include "base/limits.h"
#include "storage/checks/checks.h"

namespace stillpoint::storage::checks {
namespace {

constexpr int racers = 8;

// Of one value, so that a mix of two objects shows.
Bytes uniform(int value) {
  return Bytes(static_cast<std::size_t>(value % 2 == 0 ? 256 : 300) * limits::KiB,
               static_cast<Byte>(value));
}

bool is_uniform(const Bytes& bytes) {
  return !bytes.empty() && same(bytes, uniform(bytes.front()));
}

}  // namespace

Result<void> racing_creators(const Scratch& scratch) {
  for (int round = 0; round < 10; ++round) {
    const std::string name = scratch.name("object-" + std::to_string(round));
    std::barrier start(racers);
    std::atomic<int> winners = 0;
    std::atomic<int> winner = -1;
    TRY(at_once(racers, [&](int racer) -> Result<void> {
      const Bytes own = random_bytes(5000, static_cast<std::uint64_t>(racer));
      start.arrive_and_wait();
      const Result<void> put = scratch.backend.put(name, own, PutMode::create_only);
      if (!put) return expect_failure(put, Errc::already_exists, "create " + name + " in a race");
      ++winners;
      winner = racer;
      return {};
    }));
    TRY(expect(winners == 1, "{} of {} racing creators were told that they won", winners.load(),
               racers));
    TRY(expect_object(scratch.backend, name,
                      random_bytes(5000, static_cast<std::uint64_t>(winner))));
  }
  return {};
}

Result<void> readers_while_replacing(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  TRY(scratch.backend.put(name, uniform(0), PutMode::replace));
  std::atomic<bool> done = false;
  return at_once(3, [&](int thread) -> Result<void> {
    if (thread == 0) {
      Result<void> put;
      for (int value = 1; put && value <= 40; ++value) {
        put = scratch.backend.put(name, uniform(value), PutMode::replace);
      }
      done = true;
      return put;
    }
    while (!done) {
      const Bytes bytes = TRY_DURING("while it is replaced", scratch.backend.get(name));
      TRY(expect(is_uniform(bytes), "a reader saw {} bytes that are no whole object",
                 bytes.size()));
      const ObjectInfo info = TRY_DURING("while it is replaced", scratch.backend.stat(name));
      TRY(expect(info.bytes == uniform(0).size() || info.bytes == uniform(1).size(),
                 "stat told {} bytes of an object that was being replaced", info.bytes));
    }
    return {};
  });
}

Result<void> members_at_once(const Scratch& scratch) {
  Backend& backend = scratch.backend;
  return at_once(racers, [&](int thread) -> Result<void> {
    for (int round = 0; round < 6; ++round) {
      const std::string folder = scratch.name(fmt::format("{}/", thread % 3));
      const std::string name = fmt::format("{}object-{}-{}", folder, thread, round);
      const Bytes bytes = random_bytes(
          3000, static_cast<std::uint64_t>(thread) * 100 + static_cast<std::uint64_t>(round));
      TRY(backend.put(name, bytes, PutMode::create_only));
      TRY(expect_object(backend, name, bytes));
      const ObjectInfo info = TRY(backend.stat(name));
      TRY(expect(info.bytes == bytes.size(), "{} has {} bytes", name, info.bytes));
      int seen = 0;
      TRY(backend.list(folder, [&](const ObjectInfo& other) -> Result<void> {
        seen += other.name == name ? 1 : 0;
        return {};
      }));
      TRY(expect(seen == 1, "{} was listed {} times", name, seen));
      if (round % 2 == 0) continue;
      TRY(backend.remove(name));
      TRY(expect_failure(backend.stat(name), Errc::not_found, "stat of the removed " + name));
    }
    return {};
  });
}

}  // namespace stillpoint::storage::checks
