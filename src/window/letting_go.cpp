// SPDX-License-Identifier: Apache-2.0
#include "window/letting_go.h"

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "window/parallel.h"

namespace stillpoint::window {
namespace {

constexpr std::chrono::seconds call_max{2};
constexpr std::chrono::milliseconds wait_first{20};
constexpr std::chrono::milliseconds wait_max{500};
// A request to pause that was given up may be worked on after we unpaused: servers work on requests
// in no order. So such an instance is looked at for a while.
constexpr int looks = 6;
constexpr std::chrono::milliseconds between_looks{100};

base::Duration time_for_call(const base::Deadline& deadline) {
  return std::min<base::Duration>(call_max, deadline.left());
}

// Nobody answers: again, after growing waits.
Result<void> unpause(Instance& instance, const base::Deadline& deadline, const Journal* journal) {
  base::Duration wait = wait_first;
  for (;;) {
    const Result<void> done = instance.unpause(time_for_call(deadline));
    if (done || deadline.left() <= wait) return done;
    if (journal != nullptr && !journal->exists()) return done;  // others have done it
    std::this_thread::sleep_for(wait);
    wait = std::min<base::Duration>(2 * wait, wait_max);
  }
}

Result<void> unpause_surely(Instance& instance, const base::Deadline& deadline,
                            const Journal* journal) {
  TRY(unpause(instance, deadline, journal));
  for (int i = 0; i < looks && !deadline.passed(); ++i) {
    std::this_thread::sleep_for(between_looks);
    const Result<Gate> gate = instance.check(time_for_call(deadline), {});
    if (!gate && deadline.passed()) break;  // it was let go; there is no time to look again
    if (!gate || *gate == Gate::closed) TRY(unpause(instance, deadline, journal));
  }
  return {};
}

}  // namespace

std::vector<StillHeld> let_go(const std::vector<Held>& held, base::Duration time,
                              Journal* journal) {
  const base::Deadline deadline(time);
  std::vector<std::optional<Error>> errors(held.size());
  all_at_once(held.size(), [&](std::size_t i) {
    Instance& instance = *held[i].instance;
    const Result<void> done = held[i].ours == Ours::paused
                                  ? unpause(instance, deadline, journal)
                                  : unpause_surely(instance, deadline, journal);
    if (!done) errors[i] = done.error();
    if (done && journal != nullptr) journal->note_let_go(instance.endpoint());
  });
  std::vector<StillHeld> left;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (errors[i]) left.push_back({held[i].instance->endpoint(), *errors[i]});
  }
  return left;
}

Error still_held_error(const std::vector<StillHeld>& left, const std::string& journal) {
  std::vector<std::string> texts;
  for (const StillHeld& one : left) {
    texts.push_back(to_text(one.endpoint) + " may still be paused: " + one.error.message);
  }
  std::string advice = "if it runs, let it go: stillpoint admin unpause";
  if (!journal.empty()) advice += " --journal (every later start of stillpoint tries, too)";
  return {Errc::still_held, base::join(texts, "; "), advice + "; or restart it"};
}

Result<Recovery> let_go_all_of(const Record& record, base::Duration time, Journal* journal) {
  Recovery recovery;
  recovery.record = record;
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<Held> held;
  for (const JournalService& service : record.services) {
    for (const Endpoint& endpoint : service.endpoints) {
      instances.push_back(TRY(make_instance(endpoint, service.tls)));
      held.push_back({instances.back().get(), Ours::maybe});
    }
  }
  recovery.left = let_go(held, time, journal);
  return recovery;
}

Result<Recovery> recover(Journal& journal, base::Duration time) {
  Result<Record> record = decode_journal(TRY(journal.text()));
  if (!record && record.error().code != Errc::corrupt) return fail(std::move(record.error()));
  if (!record) record = Record();  // killed before it was whole: nobody had been asked
  Recovery recovery = TRY(let_go_all_of(*record, time, &journal));
  if (recovery.left.empty()) TRY(journal.remove());
  return recovery;
}

void note_let_go(const std::filesystem::path& folder, const std::vector<Endpoint>& endpoints) {
  for (const std::filesystem::path& path : journals_in(folder)) {
    Result<Journal> journal = Journal::open(path);
    if (!journal) continue;  // gone meanwhile
    for (const Endpoint& endpoint : endpoints) journal->note_let_go(endpoint);
    const Result<std::string> text = journal->text();
    const Result<Record> record = text ? decode_journal(*text) : fail(Error(text.error()));
    if (record && record->services.empty()) (void)journal->remove();
  }
}

Result<void> forget_journal(const std::filesystem::path& path) {
  Result<Journal> journal = Journal::open(path);
  if (!journal) return {};
  return journal->remove();
}

std::vector<Recovered> recover_all(const std::filesystem::path& folder, base::Duration time,
                                   Whose whose) {
  std::vector<Recovered> all;
  for (const std::filesystem::path& path : journals_in(folder)) {
    Result<std::optional<Journal>> journal =
        whose == Whose::nobodys ? Journal::take_over(path) : Journal::join(path);
    if (!journal) {
      all.push_back({path, fail(std::move(journal.error()))});
    } else if (*journal) {
      all.push_back({path, recover(**journal, time)});
    }
  }
  return all;
}

}  // namespace stillpoint::window
