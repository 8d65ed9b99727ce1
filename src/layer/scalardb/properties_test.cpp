// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/properties.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace stillpoint::layer::scalardb {
namespace {

using Values = std::map<std::string, std::string>;

Values parsed(std::string_view text) {
  const auto properties = Properties::parse(text);
  EXPECT_TRUE(properties) << properties.error().message;
  return properties ? properties->values() : Values();
}

// What java.util.Properties of Java 17 says of the same files.
TEST(Properties, AreReadAsJavaReadsThem) {
  EXPECT_EQ(parsed("a=1\nb : 2\nc 3\nd\n"),
            (Values{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", ""}}));
  EXPECT_EQ(parsed("# comment\n  ! another \\\na=1"), (Values{{"a", "1"}}));
  EXPECT_EQ(parsed("a = one \\\n   two\\\\\nb=3"), (Values{{"a", "one two\\"}, {"b", "3"}}));
  EXPECT_EQ(parsed("a\\ b\\=c=d\\te\\q"), (Values{{"a b=c", "d\teq"}}));
  EXPECT_EQ(parsed("a=1\r\nb=2\rc=3\n\n\n"), (Values{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(parsed("a==1\nb= :2"), (Values{{"a", "=1"}, {"b", ":2"}}));
  EXPECT_EQ(parsed("a=1\na=2"), (Values{{"a", "2"}}));
  EXPECT_EQ(parsed("a=\\u00e9\\ud83d\\ude00\\ud83d"), (Values{{"a", "é😀\uFFFD"}}));
  EXPECT_EQ(parsed("a=\xE9"), (Values{{"a", "é"}}));  // Latin-1
  EXPECT_EQ(parsed("a=1\\"), (Values{{"a", "1"}}));
  EXPECT_EQ(parsed("\\\n# comment\n\\\n\na=1\\\n# none\n"), (Values{{"a", "1# none"}}));
}

TEST(Properties, ABrokenEscapeIsRefusedWithItsLineOnly) {
  const auto refused = Properties::parse("a=1\npassword=secret\\u12g4\n");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("line 2"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
}

Properties with(std::string value) {
  Properties properties;
  properties.set("x", std::move(value));
  return properties;
}

TEST(Properties, ValuesAreTrimmedAndEmptyOnesAreNone) {
  EXPECT_EQ(with(" a b \t").find("x").value(), "a b");
  EXPECT_FALSE(with("  ").find("x").value());
  EXPECT_FALSE(with("a").find("y").value());
  EXPECT_EQ(with("").get("x", "fallback").value(), "fallback");
}

TEST(Properties, VariablesOfTheEnvironment) {
  ::setenv("STILLPOINT_TEST_USER", "app", 1);
  EXPECT_EQ(with("${env:STILLPOINT_TEST_USER}@db").find("x").value(), "app@db");
  EXPECT_EQ(with("${env:STILLPOINT_TEST_NONE:-else}").find("x").value(), "else");
  EXPECT_EQ(with("$${env:STILLPOINT_TEST_USER}").find("x").value(), "${env:STILLPOINT_TEST_USER}");
  EXPECT_EQ(with("${ENV:STILLPOINT_TEST_USER}").find("x").value(), "app");
  EXPECT_EQ(with("$${a${env:STILLPOINT_TEST_USER}}").find("x").value(), "${aapp}");
  // These are no variables, and stay.
  for (const char* plain : {"${", "a$b{c}", "${other}", "${}", "x${env}y", "${file:/etc/x}"}) {
    EXPECT_EQ(with(plain).find("x").value(), plain);
  }
  EXPECT_EQ(with("${other:-else}").find("x").value(), "else");
  for (const char* unknown : {"${env:STILLPOINT_TEST_NONE}", "${sys:user}", "a${Sys:x}"}) {
    const auto refused = with(unknown).find("x");
    ASSERT_FALSE(refused) << unknown;
    EXPECT_EQ(refused.error().code, Errc::invalid);
    EXPECT_NE(refused.error().advice, "");
  }
}

TEST(Properties, AVariableThatLeadsToItselfEnds) {
  const auto endless = [](const std::string&) { return std::optional<std::string>("${a}${a}"); };
  EXPECT_FALSE(replace_variables("${a}", endless));
}

TEST(Properties, Lists) {
  using List = std::vector<std::string>;
  EXPECT_EQ(with("a, b ,c").list("x").value(), (List{"a", "b", "c"}));
  EXPECT_EQ(with("a\\,b,c").list("x").value(), (List{"a,b", "c"}));
  EXPECT_EQ(with("a,,b,").list("x").value(), (List{"a", "", "b"}));
  EXPECT_EQ(with("").list("x").value(), List());
}

TEST(Properties, Flags) {
  EXPECT_TRUE(with("TRUE").flag("x", false).value());
  EXPECT_FALSE(with("false").flag("x", true).value());
  EXPECT_TRUE(with("").flag("x", true).value());
  EXPECT_FALSE(with("yes").flag("x", true));
}

RC_GTEST_PROP(PropertiesText, AnyBytesAreReadOrRefused, (const std::string& text)) {
  const auto properties = Properties::parse(text);
  if (!properties) return;
  for (const auto& [name, value] : properties->values()) (void)properties->list(name);
}

}  // namespace
}  // namespace stillpoint::layer::scalardb
