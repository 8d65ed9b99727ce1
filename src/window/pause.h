// SPDX-License-Identifier: Apache-2.0
// The pause: every instance of the services drained and stopped for a while, and let go whatever
// happens. What speaks for it and against it is kept as evidence.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "window/guard.h"
#include "window/journal.h"
#include "window/letting_go.h"
#include "window/service.h"

namespace stillpoint::window {

struct PauseOptions {
  bool drain = true;                                    // wait until what runs has ended
  base::Duration drain_max = std::chrono::seconds(30);  // at most so long
  base::Duration hold_max =
      std::chrono::seconds(60);                       // then all are let go, and the window is void
  base::Duration call_max = std::chrono::seconds(5);  // for an answer to a question
  base::Duration let_go_max = std::chrono::seconds(30);  // for trying to let go
  base::Duration watch_every = std::chrono::milliseconds(500);
  // Those that somebody else has paused already count as paused, and are left so at the end.
  bool accept_paused = false;
  std::filesystem::path journals = {};  // the folder
  bool guarded = false;                 // see Guard::start
  JournalCopies* copies = nullptr;
};

struct InstanceEvidence {
  Endpoint endpoint = {};
  bool ours = true;          // paused by us
  bool can_tell = true;      // whether it is paused (versions before 1.2 cannot)
  base::Duration took = {};  // until it had answered that it is paused
};

struct PauseEvidence {
  std::vector<InstanceEvidence> instances = {};
  base::Time asked = {};                  // when the first was asked to pause
  base::Time begin = {};                  // all had answered that they are
  base::Time end = {};                    // before the first was asked to let go
  base::Time let_go = {};                 // all had answered
  std::vector<std::string> against = {};  // why the window is void; empty: it held
};

// One thread begins and ends it; another of its own watches meanwhile. When the window turns out to
// be void, all are let go at once and voided() is requested.
class Pause {
 public:
  // Fails with `not_held` when not all can be paused; those that were are let go again.
  // `still_held` when that did not succeed.
  static Result<std::unique_ptr<Pause>> begin(const std::vector<Service>& services,
                                              const PauseOptions& options, std::stop_token stop);
  ~Pause();  // lets go
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  std::stop_token voided() const { return void_.get_token(); }
  // Judges, and lets go. `not_held` when the window was void.
  Result<void> end();
  // Leaves them paused: nothing watches over them any more.
  Result<void> leave_paused();
  // The same, but for the guard, which lets them go when hold_max is over.
  Result<void> leave_to_guard();
  PauseEvidence evidence() const;

 private:
  struct Member {
    std::unique_ptr<Instance> instance = {};
    bool was_paused = false;
    bool can_tell = true;
    PauseAnswer answer = {PauseOutcome::not_paused, {}, {}};
    base::Duration took = {};
    int misses = 0;  // times in a row that it did not answer the watch
  };

  Pause(std::vector<Service> services, PauseOptions options)
      : services_(std::move(services)), options_(std::move(options)) {}
  Result<void> connect(const std::stop_token& stop);
  Result<void> write_down();
  Result<void> pause_all(const std::stop_token& stop);
  Result<void> confirm();
  Result<void> undo(Error why);
  base::Duration limit() const;
  std::vector<std::string> look(bool last);
  std::string look_at(Member& member, bool last);
  std::string look_for_others(std::size_t service, bool last);
  void watch(const std::stop_token& ended);
  void let_go_now();
  void wait_for_guard();
  void let_go_once(std::vector<std::string> against);

  const std::vector<Service> services_;
  const PauseOptions options_;
  std::vector<std::vector<Endpoint>> endpoints_;  // of each service
  std::vector<int> misses_;                       // of each service's name
  std::vector<Member> members_;
  std::optional<Journal> journal_;
  Guard guard_;
  std::optional<base::Deadline> overdue_;
  std::stop_source void_;
  mutable std::mutex mutex_;  // of what follows
  bool ended_ = false;
  PauseEvidence evidence_;
  std::vector<StillHeld> left_;
  std::mutex watch_mutex_;
  std::condition_variable_any watch_wakes_;
  std::jthread watcher_;  // last: ends first
};

}  // namespace stillpoint::window
