// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/process.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"

namespace stillpoint::base {
namespace {

using std::chrono::milliseconds;

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::invalid, "{} is odd", n);
  return n / 2;
}

Result<int> quarter(int n) {
  const int once = TRY_DURING("first half", half(n));
  return TRY_DURING("second half", half(once));
}

TEST(Result, TryGivesTheValueOrEndsTheFunctionWithItsContext) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "second half: 3 is odd");
  EXPECT_EQ(quarter(7).error().message, "first half: 7 is odd");
}

TEST(Sha256, KnowsThePublishedVectors) {
  EXPECT_EQ(sha256(view_of("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  pieces.update(view_of("a"));
  pieces.update(view_of("bc"));
  EXPECT_EQ(pieces.finish(), sha256(view_of("abc")));
}

TEST(Id, ParsesOnlyWholeLowerCaseHex) {
  Id id;
  EXPECT_TRUE(Id::parse(std::string(64, 'a'), id));
  EXPECT_EQ(id.hex(), std::string(64, 'a'));
  EXPECT_FALSE(Id::parse(std::string(63, 'a'), id));
  EXPECT_FALSE(Id::parse(std::string(64, 'A'), id));
  EXPECT_FALSE(Id::parse(std::string(64, 'g'), id));
}

TEST(Encoding, RoundTripsAnyBytes) {
  const bool ok = rc::check("base64 and percent", [](const std::string& text) {
    RC_ASSERT(text_of(from_base64(base64(view_of(text))).value()) == text);
    RC_ASSERT(percent_decode(percent_encode(text)).value() == text);
  });
  EXPECT_TRUE(ok);
}

TEST(Encoding, PercentNamesAreSafeFileNames) {
  EXPECT_EQ(percent_encode("orders_2$-.x"), "orders_2$-.x");
  EXPECT_EQ(percent_encode("Äb/c\n"), "%c3%84b%2fc%0a");
  EXPECT_EQ(percent_encode(".."), "%2e.");
  EXPECT_EQ(percent_encode("A"), "%41");
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%zz"));
}

TEST(Encoding, RefusesWhatIsNotBase64) {
  for (const char* text : {"abc", "ab=c", "a b=", "====", "YWJj\n"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Clock, RoundTripsAndReadsOffsets) {
  const Time time = parse_time("2026-11-21T08:30:01.5+01:00").value();
  EXPECT_EQ(format_time(time), "2026-11-21T07:30:01.500000000Z");
  EXPECT_EQ(parse_time(format_time(time)).value(), time);
  EXPECT_EQ(display_time(time), "2026-11-21 07:30:01");
  for (const char* text : {"", "2026-11-21", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-11-21T08:30:01", "2026-11-21T08:30:01Zx"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Text, SaysFiguresAsPeopleDo) {
  EXPECT_EQ(display_bytes(1023), "1023 B");
  EXPECT_EQ(display_bytes(3 << 20), "3.0 MiB");
  EXPECT_EQ(display_count(1234567), "1,234,567");
  EXPECT_EQ(display_count(123), "123");
  EXPECT_EQ(display_duration(milliseconds(3400)), "3.4 s");
  EXPECT_EQ(display_duration(std::chrono::seconds(62)), "1 min 02 s");
}

TEST(Text, PrintableHidesControlsAndKeepsUnicode) {
  EXPECT_EQ(printable("a\nb\x1b[31mé\xff"), "a\\nb\\x1b[31mé\\xff");
}

TEST(Text, ClosestFindsWhatWasMeantOrNothing) {
  EXPECT_EQ(closest("bakcup", {"restore", "backup", "list"}), "backup");
  EXPECT_EQ(closest("xyzzy", {"restore", "backup", "list"}), "");
}

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/base-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, ReplaceLeavesTheNewBytesAndNothingElse) {
  const auto path = folder_ / "f";
  ASSERT_TRUE(replace_file(path, view_of("one")));
  ASSERT_TRUE(replace_file(path, view_of("two")));
  EXPECT_EQ(text_of(read_file(path, 10).value()), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, SaysWhatItCouldNotOpenAndWhy) {
  const auto missing = read_file(folder_ / "missing", 10);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find("missing: No such file"), std::string::npos);
  ASSERT_TRUE(replace_file(folder_ / "f", view_of("too long")));
  EXPECT_EQ(read_file(folder_ / "f", 3).error().code, Errc::invalid);
}

TEST_F(FileTest, OpenersNamesTheProcessThatHasTheFile) {
  const auto path = folder_ / "held";
  ASSERT_TRUE(replace_file(path, view_of("x")));
  EXPECT_TRUE(openers_of(path.string()).value().empty());
  std::array<int, 2> ready = {};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    [[maybe_unused]] const int held = ::open(path.c_str(), O_RDONLY);
    [[maybe_unused]] const auto told = ::write(ready[1], "x", 1);
    ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  const auto openers = openers_of(path.string()).value();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_EQ(openers.size(), 1U);
  EXPECT_EQ(openers[0].rfind(std::to_string(child), 0), 0U);
}

TEST(Process, ReturnsOutputAndRefusesFailureExcessAndDelay) {
  EXPECT_EQ(run_command("printf secret", milliseconds(5000), 100).value(), "secret");
  EXPECT_FALSE(run_command("exit 3", milliseconds(5000), 100));
  EXPECT_FALSE(run_command("yes", milliseconds(5000), 100));
  EXPECT_FALSE(run_command("sleep 60", milliseconds(50), 100));
}

TEST(Secret, MovesWithoutLeavingACopy) {
  Secret first(std::string("short"));
  const Secret second(std::move(first));
  EXPECT_EQ(second.reveal(), "short");
  EXPECT_EQ(first.reveal(), "");  // NOLINT: a moved-from secret is empty, that is the promise
}

}  // namespace
}  // namespace stillpoint::base
