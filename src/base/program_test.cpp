// SPDX-License-Identifier: Apache-2.0
#include "base/program.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

namespace stillpoint::base {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Program shell(std::string command) {
  return {{"sh", "-c", std::move(command)}, {}, {}};
}

OutputSink into(std::string& text) {
  return [&text](ByteView bytes) -> Result<void> {
    text += text_of(bytes);
    return {};
  };
}

bool alive(pid_t id) {
  return ::kill(id, 0) == 0;
}

// Whether a process is gone within ten seconds; one that nobody waits for yet counts as gone.
bool gone_soon(pid_t id) {
  for (const Deadline deadline(seconds(10)); !deadline.passed();) {
    std::string state(1, '?');
    if (const auto stat = read_file("/proc/" + std::to_string(id) + "/stat", 4096)) {
      const std::string_view text = text_of(*stat);
      state = text.substr(text.rfind(')') + 2, 1);
    }
    if (!alive(id) || state == "Z") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(Program, HandsOnItsOutputAndReturnsWhatItSaid) {
  std::string output;
  const auto said =
      run_program(shell("echo one; echo careful >&2; echo two; cat"), into(output), {});
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(output, "one\ntwo\n");
  EXPECT_EQ(*said, "careful\n");
}

TEST(Program, FailsWithItsExitCodeAndWhatItSaid) {
  std::string output;
  const auto ended = run_program(shell("echo no such table >&2; exit 3"), into(output), {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "run sh: it ended with exit code 3: no such table");
  const auto killed = run_program(shell("kill -9 $$"), into(output), {});
  ASSERT_FALSE(killed);
  EXPECT_THAT(killed.error().message, HasSubstr("killed by signal 9"));
  const auto missing = run_program({{"no-such-program-here"}, {}, {}}, into(output), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_FALSE(missing.error().advice.empty());
}

// More than a pipe holds on both, in turns: reading them one after the other would block.
TEST(Program, NeitherOutputNorTalkBlocksTheOther) {
  std::string output;
  const auto said =
      run_program(shell("i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero; "
                        "head -c 100000 /dev/zero >&2; i=$((i+1)); done; echo end >&2"),
                  into(output), {});
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(output.size(), 4'000'000U);
  EXPECT_EQ(said->size(), 16 * 1024U);
  EXPECT_THAT(*said, testing::EndsWith("end\n"));
}

TEST(Program, GetsEnvironmentAndDescriptors) {
  const auto file = make_memory_file("db:5432:*:bank:secret");
  ASSERT_TRUE(file);
  Program program = shell("echo $GREETING; stat -Lc %a " + memory_file_path(*file) + "; cat " +
                          memory_file_path(*file));
  program.environment = {{"GREETING", "hello"}};
  program.descriptors = {file->descriptor()};
  std::string output;
  const auto said = run_program(program, into(output), {});
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(output, "hello\n600\ndb:5432:*:bank:secret");
  program.descriptors.clear();
  EXPECT_FALSE(run_program(program, into(output), {}));
}

TEST(Program, AStopRequestKillsItAndWhatItStarted) {
  std::stop_source stop;
  std::string output;
  const OutputSink stop_then = [&](ByteView bytes) -> Result<void> {
    output += text_of(bytes);
    if (output.ends_with("\n")) stop.request_stop();
    return {};
  };
  const auto ended =
      run_program(shell("sleep 1000 & echo $!; sleep 1000"), stop_then, stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::cancelled);
  EXPECT_TRUE(gone_soon(std::stoi(output)));
}

TEST(Program, AStopRequestAlsoEndsOneThatHasClosedItsOutput) {
  std::stop_source stop;
  std::string output;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  const auto ended =
      run_program(shell("exec >&- 2>&-; exec sleep 1000"), into(output), stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::cancelled);
}

TEST(Program, IsKilledWhenItsOutputIsNotWanted) {
  std::string output;
  const auto ended =
      run_program(shell("echo $$; exec cat /dev/zero"),
                  [&](ByteView bytes) -> Result<void> {
                    output += text_of(bytes.first(std::min<std::size_t>(bytes.size(), 20)));
                    return fail(Errc::no_space, "full");
                  },
                  {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::no_space);
  EXPECT_TRUE(gone_soon(std::stoi(output)));
}

TEST(Program, DiesWithUs) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t us = ::fork();
  if (us == 0) {
    (void)run_program(shell("echo $$; exec sleep 1000"),
                      [&](ByteView bytes) -> Result<void> {
                        (void)!::write(ends[1], bytes.data(), bytes.size());
                        return {};
                      },
                      {});
    ::_exit(0);
  }
  std::array<char, 32> text = {};
  ASSERT_GT(::read(ends[0], text.data(), text.size() - 1), 0);
  ::kill(us, SIGKILL);
  ::waitpid(us, nullptr, 0);
  EXPECT_TRUE(gone_soon(std::stoi(text.data())));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace stillpoint::base
