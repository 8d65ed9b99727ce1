// SPDX-License-Identifier: Apache-2.0
// Letting go: goes on until an instance has answered, or the time is over.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "window/journal.h"
#include "window/scalar_admin/instance.h"

namespace stillpoint::window {

// How sure it is that an instance is paused by us.
enum class Ours {
  paused,  // it said so, and its connection holds: one call lets it go
  maybe,   // the request may still be on its way, or it may have restarted: looked at again
};

struct Held {
  Instance* instance = nullptr;
  Ours ours = Ours::maybe;
};

// Of those who could not be let go: why. All are asked at the same time. `journal` notes who is.
struct StillHeld {
  Endpoint endpoint = {};
  Error error = {};
};
std::vector<StillHeld> let_go(const std::vector<Held>& held, base::Duration time, Journal* journal);

// "10.0.0.7:60053 may still be paused: …", with what to do about it.
Error still_held_error(const std::vector<StillHeld>& left, const std::string& journal);

// What a journal says is let go, and the journal removed when all are.
struct Recovery {
  Record record = {};
  std::vector<StillHeld> left = {};
};
Result<Recovery> recover(Journal& journal, base::Duration time);
// The same, of a record that is kept elsewhere.
Result<Recovery> let_go_all_of(const Record& record, base::Duration time, Journal* journal);

// Every such journal of the folder.
struct Recovered {
  std::filesystem::path path = {};
  Result<Recovery> outcome = {};
};
enum class Whose {
  nobodys,   // those that nobody looks after
  given_up,  // also those whose guard has not succeeded yet
};
std::vector<Recovered> recover_all(const std::filesystem::path& folder, base::Duration time,
                                   Whose whose = Whose::nobodys);

// These were let go by hand: noted in every journal of the folder, also in those that are looked
// after. A journal of which nobody is left goes.
void note_let_go(const std::filesystem::path& folder, const std::vector<Endpoint>& endpoints);

// Never mind those that it still names.
Result<void> forget_journal(const std::filesystem::path& path);

}  // namespace stillpoint::window
