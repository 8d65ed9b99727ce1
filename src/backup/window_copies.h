// SPDX-License-Identifier: Apache-2.0
// Copies of windows' journals in the repository, sealed, as objects "windows/…": for the loss of
// the machine that paused. restic does not look there.
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "repository/repository.h"
#include "window/journal.h"
#include "window/letting_go.h"

namespace stillpoint::backup {

// The repository must outlive it.
class WindowCopies : public window::JournalCopies {
 public:
  explicit WindowCopies(const repository::Repository& repository) : repository_(repository) {}
  Result<void> put(const std::string& id, const std::string& first_line) override;
  Result<void> remove(const std::string& id) override;

 private:
  const repository::Repository& repository_;
};

// Lets go what windows have left whose time was over a minute ago, by the clocks of the two
// machines: while it runs, a window is looked after by those who opened it. A copy of this machine
// whose journal is gone from `journals` was let go by its guard, and is only removed.
Result<std::vector<window::Recovery>> recover_window_copies(
    const repository::Repository& repository, const std::filesystem::path& journals,
    base::Duration time);

}  // namespace stillpoint::backup
