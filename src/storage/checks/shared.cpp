// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <thread>
#include <vector>

#include "base/random.h"
#include "storage/checks/checks.h"

namespace stillpoint::storage::checks {

Scratch Scratch::folder(std::string_view check) const {
  std::string lower(check);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return {backend, prefix + lower + "/"};
}

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  base::Random(seed).fill(bytes);
  return bytes;
}

bool same(ByteView a, ByteView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Result<void> expect_object(Backend& backend, std::string_view name, ByteView bytes) {
  const Bytes stored = TRY(backend.get(name));
  return expect(same(stored, bytes), "{} came back as {} bytes that differ from the {} expected",
                name, stored.size(), bytes.size());
}

Result<void> at_once(int threads, const std::function<Result<void>(int)>& work) {
  std::vector<Result<void>> results(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> running;
    running.reserve(results.size());
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&, i] { results[static_cast<std::size_t>(i)] = work(i); });
    }
  }
  for (const Result<void>& result : results) TRY(result);
  return {};
}

}  // namespace stillpoint::storage::checks
