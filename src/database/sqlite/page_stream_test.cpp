// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/page_stream.h"

#include <gtest/gtest.h>

#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

Bytes page_of(char fill) {
  return Bytes(512, static_cast<Byte>(fill));
}

TEST(PageStream, JoinsNeighboursAndEmitsPageOneLastAndOnce) {
  testing::MemorySink sink;
  PageStream stream(512, 4, sink);
  for (const std::uint64_t offset : {0, 512, 1024, 1536, 0}) {
    ASSERT_TRUE(stream.write(offset, page_of(offset == 0 ? '1' : 'x')));
  }
  ASSERT_TRUE(stream.finish(0x01020304));
  EXPECT_EQ(sink.pieces(), 2U);
  const std::string all = sink.joined();
  EXPECT_EQ(all.size(), 4U * 512);
  EXPECT_EQ(all.substr(39, 6),
            "1\1\2\3\4"
            "1");
}

TEST(PageStream, TakesPagesInAnyOrder) {
  testing::MemorySink sink;
  PageStream stream(512, 6, sink);
  for (const std::uint64_t page : {5, 1, 3, 2, 4, 0}) {
    ASSERT_TRUE(stream.write(page * 512, page_of('x')));
  }
  ASSERT_TRUE(stream.finish(1));
  EXPECT_EQ(sink.joined().size(), 6U * 512);
}

TEST(PageStream, RefusesPagesThatComeTwiceOrNeverOrLieOutside) {
  testing::MemorySink sink;
  PageStream stream(512, 4, sink);
  ASSERT_TRUE(stream.write(0, page_of('x')));
  ASSERT_TRUE(stream.write(1024, page_of('x')));
  EXPECT_EQ(stream.write(1024, page_of('x')).error().code, Errc::internal);
  EXPECT_EQ(stream.write(2048, page_of('x')).error().code, Errc::internal);
  EXPECT_EQ(stream.write(512, Bytes(256, Byte{0})).error().code, Errc::internal);
  ASSERT_TRUE(stream.write(512, page_of('x')));
  EXPECT_EQ(stream.finish(1).error().code, Errc::internal);
}

}  // namespace
}  // namespace stillpoint::database::sqlite
