// SPDX-License-Identifier: Apache-2.0
// What is written can be read, what is damaged is refused: keys, packs, index files, trees,
// records.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/encoding.h"
#include "repository/compression.h"
#include "repository/crypto.h"
#include "repository/go_quote.h"
#include "repository/index_file.h"
#include "repository/key_file.h"
#include "repository/pack.h"
#include "repository/polynomial.h"
#include "repository/record.h"
#include "repository/testing.h"
#include "repository/tree.h"

namespace stillpoint::repository {
namespace {

TEST(Crypto, KnowsBernsteinsVectorOfPoly1305Aes) {
  // D. J. Bernstein, "The Poly1305-AES message-authentication code", appendix B: nonce, text, code.
  SealKey key;
  ASSERT_TRUE(base::from_hex("ec074c835580741701425b623235add6", key.mac_k));
  ASSERT_TRUE(base::from_hex("851fc40c3467ac0be05cc20404f3f700", key.mac_r));
  Bytes sealed(16 + 2 + 16);
  ASSERT_TRUE(
      base::from_hex("fb447350c4e868c52ac3275cf9d4327e"
                     "f3f6"
                     "f4c633c3044fc145f84f335cb81953de",
                     sealed));
  EXPECT_TRUE(unseal(key, sealed));
}

TEST(Crypto, EveryChangedByteIsSeen) {
  const SealKey key = random_key();
  const Bytes sealed = seal(key, base::view_of("the books balance"));
  EXPECT_EQ(base::text_of(unseal(key, sealed).value()), "the books balance");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_EQ(unseal(key, changed).error().code, Errc::corrupt) << "byte " << i;
  }
  EXPECT_FALSE(unseal(key, ByteView(sealed).first(31)));
  EXPECT_FALSE(unseal(random_key(), sealed));
}

TEST(KeyFile, OpensWithItsPasswordOnly) {
  const SealKey key = random_key();
  const std::string text = encode_key_file(key, test_password(), cheap_cost).value();
  const auto opened = open_key_file(base::view_of(text), test_password()).value();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->encrypt, key.encrypt);
  EXPECT_EQ(opened->mac_k, key.mac_k);
  EXPECT_EQ(opened->mac_r, key.mac_r);
  EXPECT_FALSE(open_key_file(base::view_of(text), base::Secret(std::string("x"))).value());
}

TEST(KeyFile, RefusesNonsenseAndCostsBeyondReason) {
  for (const char* text :
       {"", "[]", "{}", R"({"kdf":"scrypt"})", R"({"kdf":"argon"})",
        R"({"kdf":"scrypt","N":1099511627776,"r":8,"p":1,"salt":"AAAA","data":"AAAA"})"}) {
    EXPECT_FALSE(open_key_file(base::view_of(text), test_password())) << text;
  }
}

TEST(Compression, RoundTripsAndHoldsTheSize) {
  for (const std::size_t size : {0, 1, 1000, 1'000'000}) {
    Bytes plain = random_bytes(size, size);
    for (std::size_t i = size / 2; i < size; ++i) plain[i] = 'x';
    const Bytes packed = compress(plain, Compression::automatic);
    EXPECT_EQ(decompress(packed, size).value(), plain);
    EXPECT_EQ(decompress_stream(packed, size + 1).value(), plain);
    EXPECT_FALSE(decompress(packed, size + 1));
    if (size > 1) {
      EXPECT_FALSE(decompress_stream(packed, size - 1));
      EXPECT_FALSE(decompress_stream(ByteView(packed).first(packed.size() - 1), size));
    }
  }
}

TEST(Pack, TheHeaderTellsWhatIsInIt) {
  const SealKey key = random_key();
  PackBuilder builder(1000);
  const Bytes sealed = seal(key, base::view_of("some bytes"));
  builder.add(BlobType::data, base::sha256(base::view_of("a")), sealed, 0);
  builder.add(BlobType::tree, base::sha256(base::view_of("b")), sealed, 77);
  EXPECT_FALSE(builder.full());
  const PackBuilder::Pack pack = builder.finish(key);
  EXPECT_TRUE(builder.empty());

  const std::size_t header = pack_header_bytes(pack.bytes, pack.bytes.size()).value();
  const auto blobs =
      decode_pack_header(key, ByteView(pack.bytes).last(header), pack.bytes.size()).value();
  ASSERT_EQ(blobs.size(), 2U);
  EXPECT_EQ(blobs[0].type, BlobType::data);
  EXPECT_EQ(blobs[0].size(), 10U);
  EXPECT_EQ(blobs[1].type, BlobType::tree);
  EXPECT_EQ(blobs[1].id, base::sha256(base::view_of("b")));
  EXPECT_EQ(blobs[1].offset, sealed.size());
  EXPECT_EQ(blobs[1].size(), 77U);
  // The same header under a pack of another size is refused.
  EXPECT_FALSE(decode_pack_header(key, ByteView(pack.bytes).last(header), pack.bytes.size() + 1));
}

TEST(IndexFile, RoundTrips) {
  const std::vector<IndexedPack> packs = {
      {base::sha256(base::view_of("p")),
       {{base::sha256(base::view_of("a")), BlobType::data, 0, 100, 0},
        {base::sha256(base::view_of("b")), BlobType::tree, 100, 60, 400}}},
      {base::sha256(base::view_of("q")), {}}};
  std::vector<IndexedPack> got;
  const std::string text = encode_index_file(packs);
  ASSERT_TRUE(decode_index_file(base::view_of(text), [&](IndexedPack p) { got.push_back(p); }));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].id, packs[0].id);
  ASSERT_EQ(got[0].blobs.size(), 2U);
  EXPECT_EQ(got[0].blobs[1].id, packs[0].blobs[1].id);
  EXPECT_EQ(got[0].blobs[1].type, BlobType::tree);
  EXPECT_EQ(got[0].blobs[1].plain_bytes, 400U);
}

TEST(IndexFile, ReadsWhatResticAddsAndRefusesNonsense) {
  const auto ignore = [](IndexedPack) {};
  const std::string id(64, 'a');
  const std::string with_supersedes =
      R"({"supersedes":[")" + id + R"("],"packs":[{"id":")" + id + R"(","blobs":[]}]})";
  int packs = 0;
  ASSERT_TRUE(decode_index_file(base::view_of(with_supersedes), [&](IndexedPack) { ++packs; }));
  EXPECT_EQ(packs, 1);
  for (const std::string& text : std::vector<std::string>{
           "", "{", R"({"packs":[{"blobs":[]}]})", R"({"packs":[{"id":"x","blobs":[]}]})",
           R"({"packs":[{"id":")" + id + R"(","blobs":[{"id":")" + id +
               R"(","type":"data","offset":-1,"length":50}]}]})",
           R"({"packs":[{"id":")" + id + R"(","blobs":[{"id":")" + id +
               R"(","type":"tape","offset":0,"length":50}]}]})",
           R"({"packs":[{"id":")" + id + R"(","blobs":[{"id":")" + id +
               R"(","type":"data","offset":0,"length":5}]}]})"}) {
    EXPECT_FALSE(decode_index_file(base::view_of(text), ignore)) << text;
  }
}

TEST(GoQuote, AnyBytesSurvive) {
  EXPECT_EQ(go_quote("a\n\"\\\x01\xff é"), "a\\n\\\"\\\\\\x01\\xff é");
  EXPECT_EQ(go_unquote("\\u00e9\\U0001F600\\101\\'").value(), "é😀A'");
  for (const char* bad : {"\\", "\\x1", "\\q", "\\u12", "\\ud800", "\\777"}) {
    EXPECT_FALSE(go_unquote(bad)) << bad;
  }
  EXPECT_TRUE(rc::check("round trip", [](const std::string& name) {
    RC_ASSERT(go_unquote(go_quote(name)).value() == name);
  }));
}

TEST(Tree, KeepsOddNamesAndContent) {
  Node file;
  file.name = "a\n\"b\\ \xff";
  file.size = 12;
  file.content = {base::sha256(base::view_of("x")), base::sha256(base::view_of("y"))};
  file.modified = base::parse_time("2026-11-21T08:30:00.123456789Z").value();
  Node folder;
  folder.name = "z";
  folder.type = NodeType::folder;
  folder.subtree = file.content[0];
  const std::string text = encode_tree({file, folder});
  EXPECT_EQ(text.back(), '\n');
  const auto nodes = decode_tree(base::view_of(text)).value();
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].name, file.name);
  EXPECT_EQ(nodes[0].content, file.content);
  EXPECT_EQ(nodes[0].size, 12U);
  EXPECT_EQ(nodes[0].modified, file.modified);
  EXPECT_EQ(nodes[1].type, NodeType::folder);
  EXPECT_EQ(nodes[1].subtree, folder.subtree);
}

TEST(Tree, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"", ".", "..", "a/b", "a\\x00b"}) {
    const std::string text = fmt::format(R"({{"nodes":[{{"name":"{}","type":"file"}}]}})", name);
    EXPECT_FALSE(decode_tree(base::view_of(text))) << name;
  }
  EXPECT_TRUE(decode_tree(base::view_of(R"({"nodes":null})")).value().empty());
}

TEST(Record, RoundTripsAndReadsWhatResticWrites) {
  Record record = test_record();
  record.tree = base::sha256(base::view_of("t"));
  record.bytes_total = 7;
  const Record got = decode_record(base::view_of(encode_record(record))).value();
  EXPECT_EQ(got.time, record.time);
  EXPECT_EQ(got.tree, record.tree);
  EXPECT_EQ(got.hostname, "bank");
  EXPECT_EQ(got.tags, record.tags);
  EXPECT_EQ(got.bytes_total, 7U);
  const std::string restics = R"({"time":"2026-11-21T09:30:00.1+01:00","tree":")" +
                              record.tree.hex() + R"(","paths":["/srv"],"hostname":"h","uid":0})";
  EXPECT_EQ(base::format_time(decode_record(base::view_of(restics)).value().time),
            "2026-11-21T08:30:00.100000000Z");
  EXPECT_FALSE(decode_record(base::view_of(R"({"time":"x"})")));
}

TEST(Polynomial, TellsIrreducibleFromReducible) {
  EXPECT_TRUE(is_irreducible(0x3DA3358B4DC173));   // a published one of restic's chunker
  EXPECT_TRUE(is_irreducible(0b111));              // x^2 + x + 1
  EXPECT_FALSE(is_irreducible(0b101));             // (x + 1)^2
  EXPECT_FALSE(is_irreducible(0x3DA3358B4DC172));  // has no constant term
  EXPECT_TRUE(is_irreducible(random_polynomial()));
}

}  // namespace
}  // namespace stillpoint::repository
