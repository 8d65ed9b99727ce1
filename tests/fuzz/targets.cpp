// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

#include "backup/manifest.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "cli/config.h"
#include "repository/compression.h"
#include "repository/go_quote.h"
#include "repository/index_file.h"
#include "repository/key_file.h"
#include "repository/pack.h"
#include "repository/record.h"
#include "repository/tree.h"

namespace stillpoint::fuzz {
namespace {

using base::text_of;

// Whatever a decoder answers is right, as long as it answers.
template <class T>
void ignore(const T&) {}

// The header is authenticated before it is decoded: seal what the fuzzer made of the plain header.
void decode_pack(ByteView bytes) {
  static const repository::SealKey key = repository::random_key();
  Bytes tail = repository::seal(key, bytes);
  base::put_u32(tail, static_cast<std::uint32_t>(tail.size()));
  ignore(repository::pack_header_bytes(tail, tail.size()));
  ignore(repository::decode_pack_header(key, tail, tail.size() + 1000));
}

void decode_key(ByteView bytes) {
  // Deriving a key is slow by design: only what is refused before that is of interest.
  if (text_of(bytes).find("scrypt") == std::string_view::npos) {
    ignore(repository::open_key_file(bytes, base::Secret(std::string("x"))));
  }
}

void decode_text(ByteView bytes) {
  ignore(base::parse_time(text_of(bytes)));
  ignore(base::from_base64(text_of(bytes)));
  ignore(base::percent_decode(text_of(bytes)));
  ignore(repository::go_unquote(text_of(bytes)));
}

std::string example_index() {
  repository::PackedBlob blob;
  blob.length = 100;
  blob.plain_bytes = 300;
  return repository::encode_index_file({{Id(), {blob, blob}}});
}

std::string example_tree() {
  repository::Node file;
  file.name = "a\n";
  file.content = {Id(), Id()};
  return repository::encode_tree({file});
}

std::string example_manifest() {
  backup::Manifest manifest;
  manifest.evidence.push_back({"write_mark", "a", "1", "2", false, "text"});
  backup::DatabaseEntry& entry = manifest.databases.emplace_back();
  entry.settings.push_back({"page_size", "4096"});
  entry.objects.push_back({"table", "t", 3, {}});
  entry.files.push_back({"a/data/a.db", 5, {}});
  return backup::encode_manifest(manifest);
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"index_file",
       [](ByteView b) { ignore(repository::decode_index_file(b, [](repository::IndexedPack) {})); },
       example_index()},
      {"tree", [](ByteView b) { ignore(repository::decode_tree(b)); }, example_tree()},
      {"record", [](ByteView b) { ignore(repository::decode_record(b)); },
       repository::encode_record({})},
      {"pack_header", decode_pack, std::string(41, '\2') + std::string(37, '\0')},
      {"key_file", decode_key, R"({"kdf":"none","N":2,"salt":"AAAA","data":"AAAA"})"},
      {"manifest", [](ByteView b) { ignore(backup::decode_manifest(b)); }, example_manifest()},
      {"config", [](ByteView b) { ignore(cli::parse_config(std::string(text_of(b)), "f")); },
       "repository: {url: /r}\nsystems:\n  s:\n    databases: {a: /a.db}\n"},
      {"compressed",
       [](ByteView b) {
         ignore(repository::decompress_stream(b, 1 << 20));
         ignore(repository::decompress(b, 1000));
       },
       std::string(text_of(repository::compress(base::view_of(std::string(500, 'x')),
                                                repository::Compression::automatic)))},
      {"text", decode_text, "2026-11-21T08:30:00.5+01:00%41\\u00e9"},
  };
  return all;
}

}  // namespace stillpoint::fuzz
