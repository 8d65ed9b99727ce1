// SPDX-License-Identifier: Apache-2.0
// The checks of check.cpp, one function each, and what they share.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "storage/backend.h"

namespace stillpoint::storage::checks {

// Where a check may put what it likes.
struct Scratch {
  Backend& backend;
  std::string prefix;

  std::string name(std::string_view last) const { return prefix + std::string(last); }
  // A folder of its own for the check of this name.
  Scratch folder(std::string_view check) const;
};

// A promise that was not kept.
template <class... Args>
Result<void> expect(bool kept, fmt::format_string<Args...> format, Args&&... args) {
  if (kept) return {};
  return fail(Errc::corrupt, format, std::forward<Args>(args)...);
}

// That `result` failed in this way.
template <class T>
Result<void> expect_failure(const Result<T>& result, Errc code, std::string_view what) {
  if (!result && result.error().code == code) return {};
  return fail(Errc::corrupt, "{}: expected {}, but it {}", what, base::name_of(code),
              result ? "succeeded" : "failed: " + result.error().message);
}

Bytes random_bytes(std::size_t size, std::uint64_t seed);
bool same(ByteView a, ByteView b);
Result<void> expect_object(Backend& backend, std::string_view name, ByteView bytes);
// Runs work(0) … work(threads - 1) at once; the first failure by number.
Result<void> at_once(int threads, const std::function<Result<void>(int)>& work);

// objects.cpp
Result<void> round_trip(const Scratch& scratch);
Result<void> replace(const Scratch& scratch);
Result<void> create_only(const Scratch& scratch);
Result<void> ranges(const Scratch& scratch);
Result<void> range_beyond_the_end(const Scratch& scratch);
Result<void> missing(const Scratch& scratch);
Result<void> stat_size(const Scratch& scratch);
Result<void> remove(const Scratch& scratch);
Result<void> bad_names(const Scratch& scratch);
// lists.cpp
Result<void> list_all(const Scratch& scratch);
Result<void> list_prefix(const Scratch& scratch);
Result<void> list_visitor(const Scratch& scratch);
Result<void> list_while_writing(const Scratch& scratch);
Result<void> remove_while_listing(const Scratch& scratch);
// races.cpp
Result<void> racing_creators(const Scratch& scratch);
Result<void> readers_while_replacing(const Scratch& scratch);
Result<void> members_at_once(const Scratch& scratch);

}  // namespace stillpoint::storage::checks
