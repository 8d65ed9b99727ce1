// SPDX-License-Identifier: Apache-2.0
// Work on many items in parallel and receive the results in the order of the items.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "pipeline/first_error.h"

namespace stillpoint::pipeline {

struct OrderedLimits {
  std::size_t workers = 1;
  std::size_t window = 4;  // items that are taken and not yet given to the sink: bounds the memory
};

namespace detail {

// What the threads of one run share. Results wait in `done` until it is their turn.
template <class Out>
struct Reorder {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::size_t, Out> done;
  std::size_t taken = 0;
  std::size_t delivered = 0;
  bool exhausted = false;
};

}  // namespace detail

// source() gives the next item, or nothing at the end; it is called by one thread at a time.
// work() runs on `workers` threads at once. sink() is called on the calling thread, in order.
// The first failure, or a stop request (`cancelled`), ends it all; the threads are joined.
template <class In, class Out>
Result<void> run_ordered(OrderedLimits limits, std::stop_token stop,
                         const std::function<Result<std::optional<In>>()>& source,
                         const std::function<Result<Out>(In)>& work,
                         const std::function<Result<void>(Out)>& sink) {
  FirstError failure;
  const auto following = failure.follow(std::move(stop));
  detail::Reorder<Out> shared;

  // Takes the next item while there is room in the window; its number tells its place.
  const auto take = [&](std::size_t& number) -> std::optional<In> {
    std::unique_lock lock(shared.mutex);
    shared.changed.wait(lock, failure.token(), [&] {
      return shared.exhausted || shared.taken - shared.delivered < limits.window;
    });
    if (shared.exhausted || failure.failed()) return std::nullopt;
    auto item = source();
    if (!item) {
      failure.set(std::move(item.error()));
      return std::nullopt;
    }
    if (!item->has_value()) {
      shared.exhausted = true;
      shared.changed.notify_all();
      return std::nullopt;
    }
    number = shared.taken++;
    return std::move(*item);
  };
  const auto run_worker = [&] {
    std::size_t number = 0;
    while (std::optional<In> item = take(number)) {
      Result<Out> out = work(std::move(*item));
      if (!out) return failure.set(std::move(out.error()));
      const std::lock_guard lock(shared.mutex);
      shared.done.emplace(number, std::move(*out));
      shared.changed.notify_all();
    }
  };

  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < limits.workers; ++i) threads.emplace_back(run_worker);
  for (;;) {
    std::unique_lock lock(shared.mutex);
    shared.changed.wait(lock, failure.token(), [&] {
      return shared.done.contains(shared.delivered) ||
             (shared.exhausted && shared.delivered == shared.taken);
    });
    if (failure.failed() || !shared.done.contains(shared.delivered)) break;
    Out out = std::move(shared.done.extract(shared.delivered).mapped());
    lock.unlock();
    if (Result<void> sunk = sink(std::move(out)); !sunk) {
      failure.set(std::move(sunk.error()));
      break;
    }
    lock.lock();
    ++shared.delivered;
    shared.changed.notify_all();
  }
  threads.clear();  // joins
  return failure.result();
}

}  // namespace stillpoint::pipeline
