// SPDX-License-Identifier: Apache-2.0
#include "window/guard.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "window/letting_go.h"

namespace stillpoint::window {
namespace {

constexpr std::chrono::seconds start_max{10};
constexpr std::chrono::milliseconds look_every{200};
constexpr std::string_view standing = "standing";
constexpr std::string_view dismissed = "dismissed";
constexpr std::string_view left_alone = "left alone";

std::optional<base::Duration> duration_of(std::string_view text) {
  std::int64_t milliseconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace

Result<Guard> Guard::start(const Journal& journal, base::Duration limit) {
  constexpr const char* doing = "start the window's guard";
  base::Helper helper =
      TRY_DURING(doing, base::Helper::start(guard_role,
                                            {journal.path().string(), base::milliseconds_of(limit)},
                                            journal.descriptor()));
  const std::string answer = TRY_DURING(doing, helper.hear(base::Deadline(start_max)));
  if (answer != standing) return fail(Errc::internal, "{}: it says '{}'", doing, answer);
  return Guard(std::move(helper));
}

Guard::Guard(base::Helper helper) : helper_(std::make_unique<base::Helper>(std::move(helper))) {}

Guard& Guard::operator=(Guard&& other) noexcept {
  std::swap(helper_, other.helper_);
  return *this;
}

Guard::~Guard() {
  if (helper_) helper_->set_free();
}

void Guard::dismiss() {
  if (!helper_) return;
  if (helper_->tell(dismissed)) {
    helper_->wait();
  } else {
    helper_->set_free();
  }
  helper_.reset();
}

void Guard::leave_alone() {
  if (!helper_) return;
  (void)helper_->tell(left_alone);  // where that fails it lets go at once
  helper_->set_free();
  helper_.reset();
}

void Guard::set_limit(base::Duration limit) {
  if (helper_) (void)helper_->tell(base::milliseconds_of(limit));  // else it keeps the longer one
}

namespace {

// Until it is time to let go: false when nobody has to be.
bool keep_watch(const Journal& journal, base::Duration limit) {
  base::Deadline deadline(limit);
  for (;;) {
    const Result<std::string> told = base::helper_hear(deadline);
    if (!told) return true;  // the time is over, or whoever paused is gone
    if (*told == dismissed) return false;
    if (*told == left_alone) break;
    const std::optional<base::Duration> left = duration_of(*told);
    if (!left) return true;
    deadline = base::Deadline(*left);
  }
  // Somebody may let them go by hand meanwhile, which takes the journal away.
  while (journal.exists() && !deadline.passed()) {
    std::this_thread::sleep_for(std::min<base::Duration>(deadline.left(), look_every));
  }
  return true;
}

}  // namespace

Result<void> stand_guard(const std::vector<std::string>& words, base::Duration tries) {
  const std::optional<base::Duration> limit =
      words.size() == 2 ? duration_of(words[1]) : std::nullopt;
  if (!limit) return fail(Errc::internal, "a window's guard got the wrong words");
  Journal journal = TRY(Journal::inherited(words[0], base::helper_handed));
  base::helper_say(standing);
  if (!keep_watch(journal, *limit) || !journal.exists()) return {};
  journal.note_given_up();
  const Recovery recovery = TRY(recover(journal, tries));
  if (!recovery.left.empty() && journal.exists()) {
    return fail(still_held_error(recovery.left, journal.path().string()));
  }
  return {};
}

}  // namespace stillpoint::window
