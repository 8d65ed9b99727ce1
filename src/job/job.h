// SPDX-License-Identifier: Apache-2.0
// A piece of work that takes a while: it runs on a thread of its own, can be watched and cancelled.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"

namespace stillpoint::job {

enum class State { queued, running, succeeded, failed, cancelled };
std::string_view name_of(State state);

// Workers write these while displays read them. Totals are estimates until the work is done.
struct Progress {
  std::atomic<std::uint64_t> bytes_total = 0;
  std::atomic<std::uint64_t> bytes_done = 0;
};

// A part of a job that a person would name: one database, one pack.
struct Task {
  std::string name = {};
  State state = State::queued;
  std::optional<Error> error = {};
};

struct Status {
  std::string kind = {};
  State state = State::queued;
  std::string phase = {};  // what is being done now: "read bank"
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_done = 0;
  std::chrono::steady_clock::duration elapsed = {};
  std::vector<Task> tasks = {};
  std::optional<Error> error = {};
};

// Thread-safe. Destruction cancels the work and waits for it.
class Job {
 public:
  // What the work sees of its job.
  class Context {
   public:
    std::stop_token stop() const { return job_.stop_.get_token(); }
    Progress& progress() { return job_.progress_; }
    void phase(std::string text);
    // Runs a part of the work as a task of its own and returns its result.
    Result<void> task(const std::string& name, const std::function<Result<void>()>& work);

   private:
    friend class Job;
    explicit Context(Job& job) : job_(job) {}
    Job& job_;
  };
  using Work = std::function<Result<void>(Context&)>;

  explicit Job(std::string kind) : kind_(std::move(kind)) {}
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void start(Work work);  // once
  void cancel() { stop_.request_stop(); }
  // True when it has ended.
  bool wait_for(std::chrono::milliseconds time);
  Status status() const;
  // The outcome. Waits for the end.
  Result<void> result();

 private:
  void run(const Work& work);
  const std::string kind_;
  Progress progress_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  State state_ = State::queued;
  std::string phase_;
  std::vector<Task> tasks_;
  std::optional<Error> error_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point finished_;
  std::stop_source stop_;  // not the thread's own, which is gone from thread_ while it is joined
  std::jthread thread_;
};

}  // namespace stillpoint::job
