// SPDX-License-Identifier: Apache-2.0
// A gate makes an application pausable: whoever works passes it, and while it is closed nobody
// does.
//
//   stillpoint::gate::Gate gate;
//   ...
//   if (const auto pass = gate.enter(std::chrono::seconds(30))) {   // one transaction
//     transfer(from, to, amount);
//   } else {
//     answer("try again");                                          // paused all that time
//   }
//
// What a pass has to cover: from before the first read or write of a transaction until its commit
// or rollback has been answered. See docs/pausable.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace stillpoint::gate {

// What became of a request to pause. Decided at one moment, under the gate's lock.
enum class Outcome {
  paused,                  // closed, and nobody is inside (unless that was not asked for)
  timed_out,               // somebody was inside for too long; open again, as before
  timed_out_still_paused,  // the same, but an earlier pause holds: closed, as before
  gate_open,               // somebody unpaused meanwhile: open
  pause_in_progress,       // another pause was at work all that time; nothing was done
};

struct Statistics {
  std::uint64_t inside = 0;   // passes that are out
  std::uint64_t entered = 0;  // since the start
  std::uint64_t refused = 0;
  bool paused = false;
};

// Thread-safe. It must outlive its passes.
class Gate {
 public:
  using Duration = std::chrono::milliseconds;

  // A pause that nobody ends is over after `paused_max`: an application does not stand still for
  // ever because a tool was lost.
  explicit Gate(Duration paused_max = std::chrono::minutes(10)) : paused_max_(paused_max) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Lets out whoever holds it when it goes. Moves, but does not copy.
  class [[nodiscard]] Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() { leave(); }
    void leave();
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_ = nullptr;
  };

  // Waits while the gate is closed, at most so long. An empty pass where it stayed closed.
  Pass enter(Duration wait_max = Duration::zero());

  // Closes the gate. With `drain`, waits until nobody is inside; one wait_max bounds that and the
  // wait for other pauses. `given_up` is asked now and then: whoever wanted it is gone.
  Outcome pause(bool drain, Duration wait_max, const std::function<bool()>& given_up = {});
  // Opens it at once, also in the middle of a pause.
  void unpause();

  bool paused() const;  // closed: paused, or still draining
  Statistics statistics() const;

 private:
  using Clock = std::chrono::steady_clock;
  bool closed_now(Clock::time_point now) const;
  void expire(Clock::time_point now);
  void open();

  const Duration paused_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  bool pausing_ = false;        // a pause is draining: others wait for their turn
  std::uint64_t openings_ = 0;  // how often somebody has unpaused, or a pause was over
  Clock::time_point closed_until_ = Clock::time_point::max();
  std::uint64_t inside_ = 0;
  std::uint64_t entered_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace stillpoint::gate
