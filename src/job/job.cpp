// SPDX-License-Identifier: Apache-2.0
#include "job/job.h"

#include <utility>

namespace stillpoint::job {
namespace {

State state_of(const Result<void>& result) {
  if (result) return State::succeeded;
  return result.error().code == Errc::cancelled ? State::cancelled : State::failed;
}

bool is_over(State state) {
  return state != State::queued && state != State::running;
}

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::queued:
      return "queued";
    case State::running:
      return "running";
    case State::succeeded:
      return "succeeded";
    case State::failed:
      return "failed";
    case State::cancelled:
      return "cancelled";
  }
  return "failed";
}

void Job::Context::phase(std::string text) {
  const std::lock_guard lock(job_.mutex_);
  job_.phase_ = std::move(text);
}

Result<void> Job::Context::task(const std::string& name,
                                const std::function<Result<void>()>& work) {
  std::size_t number = 0;
  {
    const std::lock_guard lock(job_.mutex_);
    number = job_.tasks_.size();
    job_.tasks_.push_back({name, State::running, {}});
  }
  Result<void> result = work();
  const std::lock_guard lock(job_.mutex_);
  job_.tasks_[number].state = state_of(result);
  if (!result) job_.tasks_[number].error = result.error();
  return result;
}

Job::~Job() {
  cancel();
  if (thread_.joinable()) thread_.join();
}

void Job::start(Work work) {
  {
    const std::lock_guard lock(mutex_);
    state_ = State::running;
    started_ = std::chrono::steady_clock::now();
  }
  thread_ = std::jthread([this, work = std::move(work)] { run(work); });
}

void Job::run(const Work& work) {
  Context context(*this);
  Result<void> result = work(context);
  const std::lock_guard lock(mutex_);
  state_ = state_of(result);
  if (!result) error_ = std::move(result.error());
  finished_ = std::chrono::steady_clock::now();
  ended_.notify_all();
}

bool Job::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, time, [&] { return is_over(state_); });
}

Status Job::status() const {
  const std::lock_guard lock(mutex_);
  const auto end = is_over(state_) ? finished_ : std::chrono::steady_clock::now();
  return {kind_,
          state_,
          phase_,
          progress_.bytes_total,
          progress_.bytes_done,
          state_ == State::queued ? std::chrono::steady_clock::duration() : end - started_,
          tasks_,
          error_};
}

Result<void> Job::result() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return is_over(state_); });
  if (error_) return fail(*error_);
  return {};
}

}  // namespace stillpoint::job
