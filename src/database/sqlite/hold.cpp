// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/hold.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include <sqlite3.h>
#include <sys/time.h>

#include "base/helper.h"
#include "base/text.h"
#include "database/session_hold.h"

namespace stillpoint::database::sqlite {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds answer_max{10};  // to start, and to let go
constexpr std::chrono::minutes unused_max{10};  // for a helper that is not told to hold
constexpr std::string_view ready = "ready";
constexpr std::string_view held = "held";
constexpr std::string_view release = "release";
constexpr std::string_view released = "released";
constexpr std::string_view busy = "busy";

// From this process: whoever wants to write is refused.
Result<void> prove(Connection& asking) {
  asking.limit_waits(base::Deadline(base::Duration::zero()));
  const Result<void> begun = asking.execute("BEGIN IMMEDIATE");
  if (!begun && begun.error().code == Errc::busy) return {};
  if (!begun) return fail(Error(begun.error()).during("prove that writers wait"));
  (void)asking.execute("ROLLBACK");
  return fail(Error{Errc::unsupported, "others can write to it although we hold it",
                    "the lock does not hold here: is it on a network file system, or was the file "
                    "replaced just now?"});
}

Error refused(const std::string& answer) {
  return {Errc::denied, answer, "check the permissions of the file and its folder"};
}

class FileHold final : public Hold {
 public:
  FileHold(base::Helper helper, Connection asking, std::string doing, base::Duration hold_max)
      : helper_(std::move(helper)),
        asking_(std::move(asking)),
        doing_(std::move(doing)),
        hold_max_(hold_max) {}

  Result<void> take(base::Deadline deadline) override {
    TRY_DURING(doing_, helper_.tell(base::milliseconds_of(deadline.left())));
    const std::string answer =
        TRY_DURING(doing_, helper_.hear(base::Deadline(deadline.left() + answer_max)));
    // Who is in the way is looked up from here: the helper would name us.
    if (answer == busy) return fail(asking_.error(SQLITE_BUSY).during(doing_));
    if (answer != held) return fail(refused(answer).during(doing_));
    over_.emplace(hold_max_);
    TRY_DURING(doing_, prove(asking_));
    return {};
  }

  Result<void> release() override {
    const Result<std::string> answer = let_go();
    if (!over_ || over_->passed()) return fail(held_too_long("release the file", hold_max_));
    if (!answer) return fail(Error(answer.error()).during("release the file"));
    if (*answer == released) return {};
    return fail(Errc::unavailable, "release the file: {}", *answer);
  }

 private:
  Result<std::string> let_go() {
    TRY(helper_.tell(sqlite::release));
    return helper_.hear(base::Deadline(answer_max));
  }

  base::Helper helper_;
  Connection asking_;
  const std::string doing_;
  const base::Duration hold_max_;
  std::optional<base::Deadline> over_;  // since it is held
};

// Ends this process at that time, whatever it is doing.
void end_after(milliseconds time) {
  itimerval timer = {};
  timer.it_value.tv_sec = time.count() / 1000;
  timer.it_value.tv_usec = time.count() % 1000 * 1000;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

milliseconds time_of(const std::string& word) {
  long long count = 1;
  std::from_chars(word.data(), word.data() + word.size(), count);
  return milliseconds(count);
}

Result<void> hold_until_told(const std::string& path, milliseconds hold_max) {
  end_after(unused_max);
  Connection file = TRY(Connection::open(path, SQLITE_OPEN_READWRITE));
  file.keep_log();
  base::helper_say(ready);
  const Result<std::string> wanted = base::helper_hear(base::Deadline::never());
  if (!wanted) return {};  // whoever wanted it is gone
  const milliseconds wait = time_of(*wanted);
  end_after(wait + answer_max);
  file.limit_waits(base::Deadline(wait));
  TRY(file.execute("BEGIN IMMEDIATE"));
  end_after(hold_max);
  base::helper_say(held);
  const Result<std::string> told = base::helper_hear(base::Deadline::never());
  if (!told || *told != release) return {};  // likewise
  int moved = 0;
  sqlite3_file_control(file.handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (moved != 0) {
    return fail(Errc::unavailable, "the file was renamed or replaced while it was held");
  }
  TRY(file.execute("ROLLBACK"));  // COMMIT would wait for readers, although nothing is written
  base::helper_say(released);
  return {};
}

}  // namespace

int run_hold(const std::vector<std::string>& words) {
  if (words.size() != 2) return 1;
  const Result<void> done = hold_until_told(words[0], time_of(words[1]));
  if (done) return 0;
  base::helper_say(done.error().code == Errc::busy ? std::string(busy) : done.error().message);
  return 1;
}

Result<std::unique_ptr<Hold>> prepare_hold(const std::string& path, Connection asking,
                                           base::Duration hold_max) {
  const std::string doing = "hold writes to " + path;
  base::Helper helper =
      TRY_DURING(doing, base::Helper::start(hold_role, {path, base::milliseconds_of(hold_max)}));
  const std::string answer = TRY_DURING(doing, helper.hear(base::Deadline(answer_max)));
  if (answer != ready) return fail(refused(answer).during(doing));
  return std::make_unique<FileHold>(std::move(helper), std::move(asking), doing, hold_max);
}

}  // namespace stillpoint::database::sqlite
