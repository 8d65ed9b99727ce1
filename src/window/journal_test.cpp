// SPDX-License-Identifier: Apache-2.0
#include "window/journal.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/random.h"
#include "window/scalar_admin/outcome.h"
#include "window/scalar_admin/statistics.h"

namespace stillpoint::window {
namespace {

namespace fs = std::filesystem;

Record example() {
  Record record;
  record.id = "20261121T083000Z-0123456789abcdef";
  record.host = "db1";
  record.pid = 4711;
  record.begun = *base::parse_time("2026-11-21T08:30:00.000000001Z");
  record.let_go_by = *base::parse_time("2026-11-21T08:31:00Z");
  record.services = {
      {{true, "-----BEGIN CERTIFICATE-----\n", "bank.test"},
       {{{"bank-0.test", 60053}, "10.0.0.1"}, {{"bank-1.test", 60053}, "fd00::1"}}},
      {{}, {{{"127.0.0.1", 50053}, "127.0.0.1"}}},
  };
  return record;
}

std::vector<std::string> names(const Record& record) {
  std::vector<std::string> found;
  for (const JournalService& service : record.services) {
    for (const Endpoint& endpoint : service.endpoints) found.push_back(to_text(endpoint));
  }
  return found;
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string name = (fs::temp_directory_path() / "stillpoint-journal-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~JournalTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(JournalTest, IsReadAsItWasWritten) {
  const Record record = example();
  const auto journal = Journal::create(folder_, record, nullptr);
  ASSERT_TRUE(journal) << journal.error().message;
  const auto read = decode_journal(*journal->text());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, record.id);
  EXPECT_EQ(read->pid, 4711);
  EXPECT_EQ(read->begun, record.begun);
  EXPECT_EQ(read->let_go_by, record.let_go_by);
  EXPECT_EQ(names(*read), names(record));
  EXPECT_EQ(read->services[0].tls.ca_pem, record.services[0].tls.ca_pem);
  EXPECT_EQ(read->services[0].tls.authority, "bank.test");
  EXPECT_TRUE(read->services[0].tls.on);
  EXPECT_FALSE(read->services[1].tls.on);
}

TEST_F(JournalTest, WhoIsLetGoOrNotOursIsLeftOut) {
  auto journal = Journal::create(folder_, example(), nullptr);
  ASSERT_TRUE(journal);
  journal->note_not_ours(example().services[0].endpoints[1]);
  journal->note_let_go(example().services[1].endpoints[0]);
  const auto read = decode_journal(*journal->text());
  ASSERT_TRUE(read);
  EXPECT_EQ(names(*read), (std::vector<std::string>{"bank-0.test:60053 (10.0.0.1)"}));
}

TEST_F(JournalTest, OnlyOneLooksAfterIt) {
  auto journal = Journal::create(folder_, example(), nullptr);
  ASSERT_TRUE(journal);
  const fs::path path = journal->path();
  EXPECT_FALSE(Journal::take_over(path)->has_value());
  EXPECT_FALSE(Journal::join(path)->has_value());
  journal->note_given_up();
  EXPECT_FALSE(Journal::take_over(path)->has_value());
  EXPECT_TRUE(Journal::join(path)->has_value());
  *journal = *Journal::create(
      folder_,
      [] {
        Record other = example();
        other.id = "20261121T083001Z-0123456789abcdef";
        return other;
      }(),
      nullptr);  // the first one is nobody's now
  EXPECT_TRUE(Journal::take_over(path)->has_value());
}

TEST_F(JournalTest, NobodyElseMayReadIt) {
  const auto journal = Journal::create(folder_ / "windows", example(), nullptr);
  ASSERT_TRUE(journal);
  EXPECT_EQ(fs::status(journal->path()).permissions() & fs::perms::others_all, fs::perms::none);
  EXPECT_EQ(fs::status(folder_ / "windows").permissions() & fs::perms::others_all, fs::perms::none);
}

// Cut anywhere, it says nothing, or what a shorter journal says: never less than is held.
TEST_F(JournalTest, CutAnywhereNobodyIsForgotten) {
  auto journal = Journal::create(folder_, example(), nullptr);
  ASSERT_TRUE(journal);
  const std::size_t first = journal->text()->size();
  journal->note_let_go(example().services[1].endpoints[0]);
  const std::string whole = *journal->text();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto read = decode_journal(whole.substr(0, size));
    ASSERT_EQ(read.has_value(), size >= first) << size;
    const std::size_t left = read ? names(*read).size() : 3;
    ASSERT_GE(left, size + 1 < whole.size() ? 3U : 2U) << size;
  }
}

TEST(JournalText, AnyTextIsReadOrRefused) {
  const std::string good = encode_record(example());
  EXPECT_TRUE(rc::check([&](std::vector<std::pair<std::uint16_t, char>> changes, bool tail) {
    std::string text = good;
    for (const auto& [at, value] : changes) text[at % text.size()] = value;
    if (tail) text += "{\"let_go\":7}\nnull\n[]\n{";
    (void)decode_journal(text);
  }));
}

TEST(Outcomes, AnyDetailsAreReadOrIgnored) {
  EXPECT_TRUE(rc::check([](const std::string& details) { (void)reason_of(details); }));
  const std::string good =
      "\x08\x09\x1a\x4b\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12\x1f\x0a\x09TIMED_OUT"
      "\x12\x12"
      "com.scalar.dl.admin";
  EXPECT_TRUE(rc::check([&](std::vector<std::pair<std::uint8_t, char>> changes) {
    std::string text = good;
    for (const auto& [at, value] : changes) text[at % text.size()] = value;
    (void)reason_of(text);
  }));
}

TEST(Outcomes, StatisticsOfAnyKind) {
  EXPECT_EQ(outstanding_in(R"({"outstanding": 3, "total_succeeded": 7})"), 3);
  for (const char* text : {"{}", "", "no json", "[]", R"({"outstanding":"x"})", "7"}) {
    EXPECT_EQ(outstanding_in(text), 0) << text;
  }
}

}  // namespace
}  // namespace stillpoint::window
