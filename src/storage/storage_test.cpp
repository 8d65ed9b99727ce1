// SPDX-License-Identifier: Apache-2.0
// Names, URLs, and stores in memory.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/backend.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::storage {
namespace {

using testing::HasSubstr;

std::string url_of(std::string_view url) {
  const auto backend = open(url);
  return backend ? (*backend)->url() : "error: " + backend.error().message;
}

Error error_of(std::string_view url) {
  const auto backend = open(url);
  return backend ? Error{Errc::internal, "it was opened", ""} : backend.error();
}

TEST(Names, AreCheckedByTheirParts) {
  for (const char* good : {"config", "data/0a/0a1b", "a.b-c_d/e.f", "tmpx/y", "a/tmp"}) {
    EXPECT_TRUE(check_name(good)) << good;
  }
  EXPECT_TRUE(check_name(std::string(200, 'a')));
  for (const char* bad : {"", "/a", "a/", "a//b", "..", "a/../b", ".a", "a/.b", "a.", "a./b", "A",
                          "a b", "tmp", "tmp/a"}) {
    EXPECT_EQ(check_name(bad).error().code, Errc::invalid) << bad;
  }
  EXPECT_THAT(check_name("a\nb").error().message, HasSubstr("'a\\nb'"));
}

TEST(Open, KnowsThePathsAndSchemesOfTheTable) {
  EXPECT_EQ(url_of("/srv/backups"), "/srv/backups");
  EXPECT_EQ(url_of("/srv//backups/./"), "/srv/backups");
  EXPECT_EQ(url_of("/"), "/");
  EXPECT_EQ(url_of("file:///srv/my%20backups"), "/srv/my backups");
  EXPECT_EQ(url_of("file://localhost/srv"), "/srv");
  EXPECT_EQ(url_of("file:/srv"), "/srv");
  EXPECT_EQ(url_of("local:/srv/backups"), "/srv/backups");
  EXPECT_EQ(url_of("memory:shop"), "memory:shop");
}

TEST(Open, TakesRelativePathsFromTheCurrentFolder) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(url_of("backups"), here + "/backups");
  EXPECT_EQ(url_of("./sftp:folder"), here + "/sftp:folder");
  EXPECT_EQ(url_of("local:backups/shop"), here + "/backups/shop");
  EXPECT_EQ(url_of("/nonexistent/../srv"), "/srv");
}

TEST(Open, RefusesOtherSchemesAndTellsWhatThereIs) {
  const Error error = error_of("memry:shop");
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_THAT(error.message, HasSubstr("/path, file:///path, local:/path, memory:NAME"));
  EXPECT_THAT(error.advice, HasSubstr("did you mean memory:?"));
  EXPECT_EQ(error_of("s3:bucket").code, Errc::unsupported);
}

TEST(Open, NeverRepeatsWhatMayBeAPassword) {
  const Error error = error_of("rest:https://user:secret@host/");
  EXPECT_THAT(error.message + error.advice, Not(HasSubstr("secret")));
}

TEST(Open, RefusesUrlsThatNameNothing) {
  EXPECT_EQ(error_of("").code, Errc::invalid);
  EXPECT_EQ(error_of("memory:").code, Errc::invalid);
  EXPECT_EQ(error_of("local:").code, Errc::invalid);
  EXPECT_EQ(error_of("file://relative").code, Errc::unsupported);
  EXPECT_EQ(error_of("file:relative").code, Errc::invalid);
  EXPECT_EQ(error_of("file:///bad%zz").code, Errc::invalid);
  EXPECT_EQ(error_of("file:///zero%00byte").code, Errc::invalid);
}

TEST(Memory, IsSharedByNameOnly) {
  const auto first = open("memory:shared").value();
  const auto second = open("memory:shared").value();
  const auto other = open("memory:other").value();
  ASSERT_TRUE(first->put("a", base::view_of("x"), PutMode::create_only));
  EXPECT_TRUE(second->get("a"));
  EXPECT_EQ(other->get("a").error().code, Errc::not_found);
  EXPECT_EQ(make_memory()->get("a").error().code, Errc::not_found);
}

}  // namespace
}  // namespace stillpoint::storage
