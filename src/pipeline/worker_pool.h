// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/result.h"
#include "pipeline/bounded_queue.h"
#include "pipeline/first_error.h"

namespace stillpoint::pipeline {

// Threads that run tasks in the order of submission until the first one fails. Tasks not yet begun
// are dropped then. The pool must be ended by finish(), or else its destruction cancels it.
class WorkerPool {
 public:
  using Task = std::function<Result<void>()>;

  // `failure` may be shared by several pools that stand and fall together, and must outlive them.
  WorkerPool(std::size_t workers, std::size_t queued, FirstError& failure);
  ~WorkerPool();

  // Waits while the queue is full. Fails with the first failure of the pools, once there is one.
  Result<void> submit(Task task);
  // Waits for everything submitted.
  Result<void> finish();
  // Drops what has not begun, and waits for what has.
  void cancel();

 private:
  void run();
  FirstError& failure_;
  BoundedQueue<Task> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace stillpoint::pipeline
