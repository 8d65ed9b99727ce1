// SPDX-License-Identifier: Apache-2.0
// One object at a time.
#include "base/limits.h"
#include "base/text.h"
#include "storage/checks/checks.h"

namespace stillpoint::storage::checks {

Result<void> round_trip(const Scratch& scratch) {
  std::uint64_t seed = 0;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, 64 * limits::KiB + 1, 8 * limits::MiB}) {
    const std::string name = scratch.name("bytes-" + std::to_string(size));
    const Bytes bytes = random_bytes(size, ++seed);
    const PutMode mode = seed % 2 == 0 ? PutMode::replace : PutMode::create_only;
    TRY(scratch.backend.put(name, bytes, mode));
    TRY(expect_object(scratch.backend, name, bytes));
  }
  return {};
}

Result<void> replace(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  for (const std::size_t size : {5000, 100, 9000, 0}) {  // longer, shorter, empty
    const Bytes bytes = random_bytes(size, size);
    TRY(scratch.backend.put(name, bytes, PutMode::replace));
    TRY(expect_object(scratch.backend, name, bytes));
  }
  return {};
}

Result<void> create_only(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  const Bytes first = random_bytes(1000, 1);
  TRY(scratch.backend.put(name, first, PutMode::create_only));
  for (const std::uint64_t seed : {1, 2}) {  // the same bytes are refused too
    const Result<void> again =
        scratch.backend.put(name, random_bytes(1000, seed), PutMode::create_only);
    TRY(expect_failure(again, Errc::already_exists, "create " + name + " again"));
  }
  return expect_object(scratch.backend, name, first);
}

Result<void> ranges(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  const Bytes bytes = random_bytes(100'000, 3);
  TRY(scratch.backend.put(name, bytes, PutMode::create_only));
  const ByteRange wanted[] = {{0, 1},           {0, 100'000}, {1, 65'536}, {99'999, 1},
                              {50'000, 50'000}, {100'000, 0}, {0, 0},      {77, 0}};
  for (const ByteRange range : wanted) {
    const Bytes part = TRY(scratch.backend.get(name, range));
    TRY(expect(same(part, ByteView(bytes).subspan(range.offset, range.size)),
               "{} bytes from byte {} on came back as {} bytes or others", range.size, range.offset,
               part.size()));
  }
  for (const std::uint64_t offset : {0, 1, 99'999, 100'000}) {
    const Bytes rest = TRY(scratch.backend.get(name, {.offset = offset}));
    TRY(expect(same(rest, ByteView(bytes).subspan(offset)),
               "what follows byte {} came back as {} bytes or others", offset, rest.size()));
  }
  return {};
}

Result<void> range_beyond_the_end(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  TRY(scratch.backend.put(name, random_bytes(1000, 4), PutMode::create_only));
  constexpr std::uint64_t huge = ByteRange{}.size;
  const ByteRange outside[] = {{0, 1001},       {999, 2},     {1000, 1},     {1001, 0},   {1001, 5},
                               {500, huge - 1}, {huge, huge}, {huge - 1, 2}, {2000, huge}};
  for (const ByteRange range : outside) {
    const Result<Bytes> part = scratch.backend.get(name, range);
    TRY(expect_failure(
        part, Errc::corrupt,
        fmt::format("read {} bytes from byte {} of 1000 on", range.size, range.offset)));
  }
  return {};
}

Result<void> missing(const Scratch& scratch) {
  TRY(scratch.backend.put(scratch.name("folder/object"), random_bytes(10, 5), PutMode::replace));
  for (const std::string_view last : {"none", "no/such/folder", "folder", "folder/object/below"}) {
    const std::string name = scratch.name(last);
    TRY(expect_failure(scratch.backend.get(name), Errc::not_found, "get " + name));
    TRY(expect_failure(scratch.backend.get(name, {5, 5}), Errc::not_found, "get of " + name));
    TRY(expect_failure(scratch.backend.stat(name), Errc::not_found, "stat " + name));
  }
  return {};
}

Result<void> stat_size(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  for (const std::size_t size : {0, 1, 70'000, 3}) {
    TRY(scratch.backend.put(name, random_bytes(size, 6), PutMode::replace));
    const ObjectInfo info = TRY(scratch.backend.stat(name));
    TRY(expect(info.name == name && info.bytes == size, "{} of {} bytes is told as {} of {}", name,
               size, info.name, info.bytes));
  }
  return {};
}

Result<void> remove(const Scratch& scratch) {
  const std::string name = scratch.name("object");
  const std::string below = scratch.name("no/such/folder");
  TRY(scratch.backend.remove(name));
  TRY(scratch.backend.remove(below));
  for (const std::uint64_t seed : {7, 8}) {
    const Bytes bytes = random_bytes(100, seed);
    TRY(scratch.backend.put(name, bytes, PutMode::create_only));
    TRY(expect_object(scratch.backend, name, bytes));
    TRY(scratch.backend.remove(name));
    TRY(expect_failure(scratch.backend.get(name), Errc::not_found, "get of the removed " + name));
    TRY(expect_failure(scratch.backend.stat(name), Errc::not_found, "stat of the removed " + name));
    TRY(scratch.backend.remove(name));
  }
  return {};
}

Result<void> bad_names(const Scratch& scratch) {
  const auto nothing = [](const ObjectInfo&) -> Result<void> { return {}; };
  Backend& backend = scratch.backend;
  const std::string bad[] = {"",
                             "/absolute",
                             "..",
                             "../outside",
                             "a/../b",
                             "a//b",
                             "a/",
                             ".hidden",
                             "a/.b",
                             "ends.",
                             "a./b",
                             "UPPER",
                             "white space",
                             "new\nline",
                             std::string("zero\0", 5),
                             "colon:",
                             "back\\slash",
                             "tmp",
                             "tmp/object",
                             "\xC3\xA4",
                             std::string(201, 'a')};
  for (const std::string& name : bad) {
    const std::string what = "the name '" + base::printable(name) + "'";
    TRY(expect_failure(backend.put(name, {}, PutMode::create_only), Errc::invalid, "put " + what));
    TRY(expect_failure(backend.put(name, {}, PutMode::replace), Errc::invalid, "replace " + what));
    TRY(expect_failure(backend.get(name), Errc::invalid, "get " + what));
    TRY(expect_failure(backend.stat(name), Errc::invalid, "stat " + what));
    TRY(expect_failure(backend.remove(name), Errc::invalid, "remove " + what));
  }
  for (const std::string_view prefix : {"no-slash", "/", "../", "a//", "UPPER/"}) {
    TRY(expect_failure(backend.list(prefix, nothing), Errc::invalid,
                       fmt::format("list '{}'", prefix)));
  }
  // The longest name that is allowed.
  std::string longest = scratch.prefix;
  longest.resize(200, 'z');
  TRY(backend.put(longest, {}, PutMode::create_only));
  return expect_object(backend, longest, {});
}

}  // namespace stillpoint::storage::checks
