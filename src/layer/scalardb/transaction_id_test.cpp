// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/transaction_id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

using Children = std::vector<std::string_view>;

// As ScalarDB 3.19 makes them.
const std::string plain = "0b44fc1e-6f0c-4f0c-9c4b-2d2e1b9d8a77";
const std::string parent = "XCUh0mTpzpLbJNRtvC2Kh1d9";
const std::string child = "5c2e19d3-0f4d-4ac1-9a6c-25c0a4a3b1aa";

TEST(TransactionId, APlainOneStandsForItself) {
  EXPECT_FALSE(split_id(plain).grouped());
  EXPECT_FALSE(split_id("").grouped());
  EXPECT_FALSE(split_id(parent).grouped());
  EXPECT_FALSE(split_id(parent + "x$" + child).grouped());
  EXPECT_FALSE(split_id("short$" + child).grouped());
}

TEST(TransactionId, AGroupedOneHasAParentAndAChild) {
  const std::string whole = parent + "$" + child;
  EXPECT_EQ(join_id(parent, child), whole);
  const TransactionId id = split_id(whole);
  ASSERT_TRUE(id.grouped());
  EXPECT_EQ(id.parent, parent);
  EXPECT_EQ(id.child, child);
  EXPECT_EQ(split_id(parent + "$a$b").child, "a$b");
  EXPECT_FALSE(split_id(std::string_view(whole).substr(0, parent.size())).grouped());
}

TEST(TransactionId, ChildrenStandBetweenCommas) {
  EXPECT_EQ(split_children("a,b$,c"), (Children{"a", "b$", "c"}));
  EXPECT_EQ(split_children("a"), (Children{"a"}));
  EXPECT_EQ(split_children(""), Children());
  EXPECT_EQ(split_children(",a,,b,"), (Children{"a", "b"}));
}

rc::Gen<std::string> letters(std::size_t count, const std::string& of) {
  return rc::gen::container<std::string>(count, rc::gen::elementOf(of));
}

RC_GTEST_PROP(TransactionIds, WhatIsJoinedIsSplit, (const std::string& any)) {
  const std::string group =
      *letters(24, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  const std::string whole = join_id(group, any);
  const TransactionId id = split_id(whole);
  RC_ASSERT(id.parent == group);
  RC_ASSERT(id.child == any);
}

RC_GTEST_PROP(TransactionIds, WhatIsSplitIsJoined, (const std::string& begin)) {
  const std::string any = begin + *letters(*rc::gen::inRange<std::size_t>(0, 60), "$$aZ0,");
  const TransactionId id = split_id(any);
  if (id.grouped()) RC_ASSERT(join_id(id.parent, id.child) == any);
  RC_ASSERT(id.grouped() == (any.size() > 24 && any[24] == '$'));
}

RC_GTEST_PROP(TransactionIds, ListsOfChildrenAreSplit, ()) {
  const auto children = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("a$-Z0")))));
  const std::string list = base::join(children, ",");
  RC_ASSERT(split_children(list) == Children(children.begin(), children.end()));
}

}  // namespace
}  // namespace stillpoint::layer::scalardb
