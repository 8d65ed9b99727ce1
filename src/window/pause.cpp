// SPDX-License-Identifier: Apache-2.0
#include "window/pause.h"

#include <algorithm>
#include <atomic>

#include <unistd.h>

#include "base/random.h"
#include "base/text.h"
#include "window/parallel.h"
#include "window/scalar_admin/statistics.h"

namespace stillpoint::window {
namespace {

// By how much the server's answer to a pause may be later than the time we gave it.
constexpr std::chrono::seconds answer_grace{3};
// The guard lets go so much later than we would have.
constexpr std::chrono::seconds guard_grace{2};
constexpr std::chrono::milliseconds guard_look{20};
// For an answer while all are paused: who does not answer twice holds up all others.
constexpr base::Duration watch_call_max = std::chrono::seconds(2);

tl::unexpected<Error> not_held(std::string message, std::string advice) {
  return fail(Error{Errc::not_held, std::move(message), std::move(advice)});
}

}  // namespace

Result<std::unique_ptr<Pause>> Pause::begin(const std::vector<Service>& services,
                                            const PauseOptions& options, std::stop_token stop) {
  std::unique_ptr<Pause> pause(new Pause(services, options));
  TRY(pause->connect(stop));
  TRY(pause->write_down());
  if (stop.stop_requested()) {
    TRY(pause->undo({Errc::cancelled, "interrupted", {}}));
  }
  Result<void> done = pause->pause_all(stop);
  if (done) done = pause->confirm();
  if (!done) {
    TRY(pause->undo(std::move(done.error())));
  }
  pause->overdue_.emplace(options.hold_max);
  pause->guard_.set_limit(options.hold_max + guard_grace);
  pause->watcher_ =
      std::jthread([raw = pause.get()](const std::stop_token& ended) { raw->watch(ended); });
  return pause;
}

Pause::~Pause() {
  watcher_ = {};
  let_go_once({});
}

// Finds and asks everybody. Nobody is held yet.
Result<void> Pause::connect(const std::stop_token& stop) {
  for (const Service& service : services_) {
    auto found = find_endpoints(service, base::Deadline(options_.call_max), stop);
    if (!found && found.error().code == Errc::unavailable) found.error().code = Errc::not_held;
    endpoints_.push_back(TRY_DURING("pause " + to_text(service), std::move(found)));
    for (const Endpoint& endpoint : endpoints_.back()) {
      members_.emplace_back().instance = TRY(make_instance(endpoint, service.tls));
    }
  }
  misses_.resize(services_.size());
  if (members_.size() > instances_max) {
    return fail(Errc::invalid, "more than {} instances", instances_max);
  }
  std::vector<std::optional<Error>> errors(members_.size());
  all_at_once(members_.size(), [&](std::size_t i) {
    const Result<Gate> gate = first_check(*members_[i].instance, options_.call_max, stop);
    if (!gate) errors[i] = gate.error();
    members_[i].was_paused = gate && *gate == Gate::closed;
    members_[i].can_tell = gate && *gate != Gate::unknown;
    members_[i].instance->watch_connection();
  });
  for (const auto& error : errors) {
    if (!error) continue;
    if (error->code == Errc::cancelled) return fail(Error(*error));
    return not_held(error->message, error->advice);
  }
  for (const Member& member : members_) {
    if (member.was_paused && !options_.accept_paused) {
      return not_held(to_text(member.instance->endpoint()) +
                          " is paused already, by somebody else or by a run that was killed",
                      "wait until whoever paused it has let it go; if nobody has: stillpoint admin "
                      "unpause");
    }
  }
  return {};
}

base::Duration Pause::limit() const {
  const auto drain = options_.drain ? options_.drain_max : base::Duration::zero();
  return drain + answer_grace + 2 * options_.call_max + options_.hold_max + guard_grace;
}

Result<void> Pause::write_down() {
  Record record;
  record.begun = base::now();
  record.id = base::compact_time(record.begun) + "-" + base::random_token();
  record.host = host_name();
  record.pid = ::getpid();
  record.let_go_by = record.begun + std::chrono::duration_cast<std::chrono::nanoseconds>(limit());
  for (std::size_t i = 0, member = 0; i < services_.size(); ++i) {
    JournalService& service = record.services.emplace_back();
    service.tls = services_[i].tls;
    for (std::size_t j = 0; j < endpoints_[i].size(); ++j, ++member) {
      if (!members_[member].was_paused) service.endpoints.push_back(endpoints_[i][j]);
    }
  }
  journal_.emplace(TRY_DURING("write the window's journal",
                              Journal::create(options_.journals, record, options_.copies)));
  if (options_.guarded) {
    Result<Guard> guard = Guard::start(*journal_, limit());
    if (!guard) {
      TRY(journal_->remove());
      return fail(std::move(guard.error()));
    }
    guard_ = std::move(*guard);
  }
  return {};
}

// All at the same time. When one cannot be paused, the others are not waited for.
Result<void> Pause::pause_all(const std::stop_token& stop) {
  std::stop_source given_up;
  const std::stop_callback interrupted(stop, [&] { given_up.request_stop(); });
  const std::optional<base::Duration> drain_max =
      options_.drain ? std::optional(options_.drain_max) : std::nullopt;
  const base::Duration time = drain_max.value_or(options_.call_max) + answer_grace;
  {
    const std::lock_guard lock(mutex_);
    evidence_.asked = base::now();
  }
  std::atomic<std::size_t> first_failed = members_.size();
  all_at_once(members_.size(), [&](std::size_t i) {
    Member& member = members_[i];
    const auto started = std::chrono::steady_clock::now();
    member.answer = member.instance->pause(drain_max, time, given_up.get_token());
    member.took = std::chrono::steady_clock::now() - started;
    if (member.answer.outcome == PauseOutcome::paused) return;
    std::size_t none = members_.size();
    first_failed.compare_exchange_strong(none, i);
    given_up.request_stop();
    if (member.answer.outcome == PauseOutcome::not_paused && !member.was_paused) {
      journal_->note_not_ours(member.instance->endpoint());
    }
  });
  if (first_failed == members_.size()) return {};
  const Error& error = members_[first_failed].answer.error;
  if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
  return not_held(error.message, error.advice);
}

// That a pause was answered is no proof: old servers answer so although somebody has unpaused them
// meanwhile. And somebody may have come while we paused.
Result<void> Pause::confirm() {
  const std::vector<std::string> against = look(true);
  const std::lock_guard lock(mutex_);
  evidence_.begin = base::now();
  if (against.empty()) return {};
  return not_held(base::join(against, "; "), "run it again");
}

// The end of a window that did not open: `why`, or that somebody is still held.
Result<void> Pause::undo(Error why) {
  let_go_once({why.message});
  if (left_.empty()) return fail(std::move(why));
  Error error = still_held_error(left_, journal_->path().string());
  error.message = why.message + "; and then " + error.message;
  return fail(std::move(error));
}

std::vector<std::string> Pause::look(bool last) {
  std::vector<std::string> found(members_.size() + services_.size());
  all_at_once(found.size(), [&](std::size_t i) {
    found[i] = i < members_.size() ? look_at(members_[i], last)
                                   : look_for_others(i - members_.size(), last);
  });
  std::erase(found, "");
  return found;
}

// What speaks against it, or nothing.
std::string Pause::look_at(Member& member, bool last) {
  Instance& instance = *member.instance;
  const std::string name = to_text(instance.endpoint());
  const base::Duration time = std::min(options_.call_max, watch_call_max);
  Result<Gate> gate = Gate::closed;
  if (member.can_tell) {
    gate = instance.check(time, {});
  } else if (const Result<std::string> stats = instance.stats(time, {}); stats) {
    if (options_.drain && outstanding_in(*stats) > 0) gate = Gate::open;
  }
  if (!instance.connection_held()) {
    return "the connection to " + name + " ended while it was paused: it may have restarted";
  }
  if (!gate) {
    if (++member.misses < 2 && !last) return {};
    return name + " does not answer any more: " + gate.error().message;
  }
  member.misses = 0;
  if (*gate == Gate::closed) return {};
  return name + " is not paused any more: somebody else has unpaused it";
}

std::string Pause::look_for_others(std::size_t service, bool last) {
  const Result<std::vector<Endpoint>> now = find_endpoints(
      services_[service], base::Deadline(std::min(options_.call_max, watch_call_max)), {});
  if (!now) {
    if (now.error().code != Errc::not_found && ++misses_[service] < 2 && !last) return {};
    return "it cannot be told whether instances came or went: " + now.error().message;
  }
  misses_[service] = 0;
  const std::vector<Endpoint>& before = endpoints_[service];
  std::vector<std::string> found;
  for (const Endpoint& endpoint : *now) {
    if (!std::binary_search(before.begin(), before.end(), endpoint)) {
      found.push_back(to_text(endpoint) + " appeared, and is not paused");
    }
  }
  for (const Endpoint& endpoint : before) {
    if (!std::binary_search(now->begin(), now->end(), endpoint)) {
      found.push_back(to_text(endpoint) + " vanished from the DNS while it was paused");
    }
  }
  return base::join(found, "; ");
}

void Pause::watch(const std::stop_token& ended) {
  for (;;) {
    {
      std::unique_lock lock(watch_mutex_);
      const auto wait = std::min(options_.watch_every, overdue_->left());
      watch_wakes_.wait_for(lock, ended, wait, [] { return false; });
    }
    if (ended.stop_requested()) return;
    std::vector<std::string> against;
    if (overdue_->passed()) {
      against = {"it was held for longer than " + base::display_duration(options_.hold_max)};
    } else {
      against = look(false);
    }
    if (against.empty()) continue;
    let_go_once(against);
    void_.request_stop();
    return;
  }
}

// Exactly those that are paused by us, or may be.
void Pause::let_go_now() {
  std::vector<Held> held;
  for (const Member& member : members_) {
    if (member.was_paused || member.answer.outcome == PauseOutcome::not_paused) continue;
    const bool sure = member.answer.outcome == PauseOutcome::paused &&
                      member.instance->connection_held() && !member.misses;
    held.push_back({member.instance.get(), sure ? Ours::paused : Ours::maybe});
  }
  left_ = let_go(held, options_.let_go_max, &*journal_);
}

void Pause::wait_for_guard() {
  const base::Deadline deadline(options_.let_go_max);
  while (journal_->exists()) {
    if (deadline.passed()) {
      for (const Member& member : members_) {
        left_.push_back({member.instance->endpoint(),
                         {Errc::unavailable, "its guard has not let it go yet", {}}});
      }
      return;
    }
    std::this_thread::sleep_for(guard_look);
  }
}

void Pause::let_go_once(std::vector<std::string> against) {
  const std::lock_guard lock(mutex_);
  if (ended_ || !journal_) return;
  ended_ = true;
  evidence_.end = base::now();
  evidence_.against = std::move(against);
  if (journal_->given_up()) {  // the guard was quicker: we were stopped, or the machine slept
    evidence_.against.push_back("its guard has let it go, since we were stopped for so long");
    wait_for_guard();
  } else {
    let_go_now();
  }
  evidence_.let_go = base::now();
  if (!left_.empty()) {
    journal_->note_given_up();
    guard_ = {};  // it goes on trying
    return;
  }
  if (const Result<void> removed = journal_->remove(); !removed) {
    evidence_.against.push_back(removed.error().message);
  }
  guard_.dismiss();
}

Result<void> Pause::end() {
  watcher_ = {};
  const bool was_void = void_.stop_requested();
  std::vector<std::string> against;
  if (!was_void) {
    if (overdue_->passed()) {
      against = {"it was held for longer than " + base::display_duration(options_.hold_max)};
    } else {
      against = look(true);
    }
  }
  let_go_once(against);
  const std::lock_guard lock(mutex_);
  const std::string reasons = base::join(evidence_.against, "; ");
  if (!left_.empty()) {
    Error error = still_held_error(left_, journal_->path().string());
    if (!reasons.empty()) error.message = "the window is void: " + reasons + "; " + error.message;
    return fail(std::move(error));
  }
  if (reasons.empty()) return {};
  return not_held("the window is void: " + reasons,
                  "what was done in it must not be used; all are let go, so run it again");
}

Result<void> Pause::leave_paused() {
  watcher_ = {};
  const std::lock_guard lock(mutex_);
  if (ended_) return not_held(base::join(evidence_.against, "; "), "run it again");
  TRY(journal_->remove());
  guard_.dismiss();
  ended_ = true;
  return {};
}

Result<void> Pause::leave_to_guard() {
  watcher_ = {};
  const std::lock_guard lock(mutex_);
  if (ended_) return not_held(base::join(evidence_.against, "; "), "run it again");
  guard_.set_limit(options_.hold_max);
  guard_.leave_alone();
  ended_ = true;
  return {};
}

PauseEvidence Pause::evidence() const {
  const std::lock_guard lock(mutex_);
  PauseEvidence evidence = evidence_;
  for (const Member& member : members_) {
    evidence.instances.push_back(
        {member.instance->endpoint(), !member.was_paused, member.can_tell, member.took});
  }
  return evidence;
}

}  // namespace stillpoint::window
