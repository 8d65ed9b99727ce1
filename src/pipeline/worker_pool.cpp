// SPDX-License-Identifier: Apache-2.0
#include "pipeline/worker_pool.h"

namespace stillpoint::pipeline {

WorkerPool::WorkerPool(std::size_t workers, std::size_t queued, FirstError& failure)
    : failure_(failure), queue_(queued) {
  for (std::size_t i = 0; i < workers; ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() {
  cancel();
}

void WorkerPool::cancel() {
  if (threads_.empty()) return;
  failure_.set(Error{Errc::cancelled, "interrupted", {}});
  threads_.clear();
}

void WorkerPool::run() {
  while (std::optional<Task> task = queue_.pop(failure_.token())) {
    if (Result<void> done = (*task)(); !done) return failure_.set(std::move(done.error()));
  }
}

Result<void> WorkerPool::submit(Task task) {
  if (queue_.push(std::move(task), failure_.token())) return {};
  TRY(failure_.result());
  return fail(Errc::internal, "a task for a pool that has ended");
}

Result<void> WorkerPool::finish() {
  queue_.close();
  threads_.clear();
  return failure_.result();
}

}  // namespace stillpoint::pipeline
