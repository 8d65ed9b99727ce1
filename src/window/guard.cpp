// SPDX-License-Identifier: Apache-2.0
#include "window/guard.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

namespace stillpoint::window {
namespace {

constexpr std::chrono::seconds start_max{10};
constexpr std::chrono::milliseconds look_every{200};
constexpr int journal_descriptor = 3;  // in the guard
constexpr Byte dismissed = 'd';
constexpr Byte left_alone = 'l';
constexpr Byte new_limit = 't';  // then its milliseconds
constexpr int limit_digits = 10;
constexpr Byte standing = 's';

struct Pipe {
  base::File read;
  base::File write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(base::system_error("pipe", errno));
  return Pipe{base::File(ends[0]), base::File(ends[1])};
}

// What a spawned process gets: the two pipes as its stdin and stdout, the journal, and a session of
// its own, so that neither ^C nor the end of a terminal reaches it.
struct SpawnPlan {
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  posix_spawn_file_actions_t actions = {};
  posix_spawnattr_t attributes = {};
};

Result<int> spawn(const std::vector<std::string>& words, int in, int out, int journal) {
  SpawnPlan plan;
  ::posix_spawn_file_actions_adddup2(&plan.actions, in, 0);
  ::posix_spawn_file_actions_adddup2(&plan.actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&plan.actions, journal, journal_descriptor);
  ::posix_spawn_file_actions_addopen(&plan.actions, 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSID);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words[0].c_str(), &plan.actions, &plan.attributes,
                                  arguments.data(), environ);
  if (error != 0) return fail(base::system_error("start " + words[0], error));
  return pid;
}

// True when a byte came, false at the end of the pipe; `unavailable` when the time is over.
Result<bool> wait_for_byte(int descriptor, Byte& byte, base::Duration time) {
  const base::Deadline deadline(time);
  for (;;) {
    pollfd waited = {descriptor, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
    const int ready = ::poll(&waited, 1, static_cast<int>(std::min<long>(left, 3'600'000)));
    if (ready < 0 && errno != EINTR) return fail(base::system_error("poll", errno));
    if (ready > 0) {
      const ssize_t got = ::read(descriptor, &byte, 1);
      if (got >= 0) return got == 1;
      if (errno != EINTR) return fail(base::system_error("read", errno));
    }
    if (deadline.passed()) return fail(Errc::unavailable, "the time is over");
  }
}

}  // namespace

Result<Guard> Guard::start(const std::vector<std::string>& command, const Journal& journal,
                           base::Duration limit) {
  const Pipe control = TRY(make_pipe());
  const Pipe answer = TRY(make_pipe());
  std::vector<std::string> words = command;
  words.push_back(journal.path().string());
  words.push_back(fmt::format("{}", std::chrono::ceil<std::chrono::milliseconds>(limit).count()));
  const int pid = TRY_DURING(
      "start the window's guard",
      spawn(words, control.read.descriptor(), answer.write.descriptor(), journal.descriptor()));
  Guard guard(pid, base::File(::fcntl(control.write.descriptor(), F_DUPFD_CLOEXEC, 3)));
  const_cast<Pipe&>(answer).write.close();
  Byte byte = 0;
  const bool stands = TRY_DURING("start the window's guard",
                                 wait_for_byte(answer.read.descriptor(), byte, start_max));
  if (!stands || byte != standing) {
    return fail(Errc::internal, "the window's guard ended at once ({})", words[0]);
  }
  return guard;
}

Guard::Guard(Guard&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pipe_(std::move(other.pipe_)) {}

Guard& Guard::operator=(Guard&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pipe_, other.pipe_);
  return *this;
}

Guard::~Guard() {
  pipe_.close();
}

void Guard::dismiss() {
  if (pid_ < 0) return;
  const Result<void> told = pipe_.write({&dismissed, 1});
  pipe_.close();
  if (told) {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
}

void Guard::leave_alone() {
  (void)pipe_.write({&left_alone, 1});  // where that fails it lets go at once
  pipe_.close();
}

void Guard::set_limit(base::Duration limit) {
  if (pid_ < 0) return;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  const std::string text =
      fmt::format("{}{:0{}}", static_cast<char>(new_limit), left, limit_digits);
  (void)pipe_.write(base::view_of(text));  // where that fails it keeps the longer one
}

namespace {

Result<base::Duration> read_limit() {
  std::int64_t milliseconds = 0;
  for (int i = 0; i < limit_digits; ++i) {
    Byte digit = 0;
    if (!TRY(wait_for_byte(0, digit, start_max)) || digit < '0' || digit > '9') {
      return fail(Errc::internal, "no limit came through the pipe");
    }
    milliseconds = 10 * milliseconds + (digit - '0');
  }
  return std::chrono::milliseconds(milliseconds);
}

// Until it is time to let go: false when nobody has to be.
bool keep_watch(const Journal& journal, base::Duration limit) {
  base::Deadline deadline(limit);
  for (;;) {
    Byte byte = 0;
    const Result<bool> told = wait_for_byte(0, byte, deadline.left());
    if (!told || !*told) return true;  // the time is over, or whoever paused is gone
    if (byte == dismissed) return false;
    if (byte == new_limit) {
      const Result<base::Duration> left = read_limit();
      if (!left) return true;
      deadline = base::Deadline(*left);
    }
    if (byte == left_alone) break;
  }
  // Somebody may let them go by hand meanwhile, which takes the journal away.
  while (journal.exists() && !deadline.passed()) {
    std::this_thread::sleep_for(std::min<base::Duration>(deadline.left(), look_every));
  }
  return true;
}

}  // namespace

Result<void> stand_guard(const std::filesystem::path& journal, base::Duration limit,
                         base::Duration tries) {
  Journal inherited = TRY(Journal::inherited(journal, journal_descriptor));
  TRY(base::File(1).write({&standing, 1}));  // and closes it
  if (!keep_watch(inherited, limit) || !inherited.exists()) return {};
  inherited.note_given_up();
  const Recovery recovery = TRY(recover(inherited, tries));
  if (!recovery.left.empty() && inherited.exists()) {
    return fail(still_held_error(recovery.left, journal.string()));
  }
  return {};
}

}  // namespace stillpoint::window
