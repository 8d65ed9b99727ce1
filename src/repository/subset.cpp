// SPDX-License-Identifier: Apache-2.0
#include "repository/subset.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/random.h"
#include "base/text.h"

namespace stillpoint::repository {
namespace {

constexpr unsigned parts_max = 256;  // one byte of an id tells them apart

template <class T>
std::optional<T> number_of(std::string_view text) {
  T value = {};
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "10", "10k", "10M", "10G", "10T": powers of 1024, with or without "iB" or "B".
std::optional<std::uint64_t> size_of(std::string_view text) {
  for (const std::string_view ending : {"iB", "ib", "B", "b"}) {
    if (text.ends_with(ending)) {
      text.remove_suffix(ending.size());
      break;
    }
  }
  if (text.empty()) return std::nullopt;
  constexpr std::string_view units = "kmgt";
  const char last = static_cast<char>(text.back() | 0x20);  // lower case
  const std::size_t unit = units.find(last);
  if (unit != std::string_view::npos) text.remove_suffix(1);
  const auto number = number_of<std::uint64_t>(text);
  const unsigned shift = unit == std::string_view::npos ? 0 : 10 * static_cast<unsigned>(unit + 1);
  if (!number || *number == 0 || *number > (UINT64_MAX >> shift)) return std::nullopt;
  return *number << shift;
}

std::optional<Subset> read(std::string_view text) {
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto number = number_of<unsigned>(text.substr(0, slash));
    const auto parts = number_of<unsigned>(text.substr(slash + 1));
    if (!number || !parts || *number == 0 || *number > *parts || *parts > parts_max) return {};
    return PartOf{*number, *parts};
  }
  if (text.ends_with('%')) {
    const auto percent = number_of<double>(text.substr(0, text.size() - 1));
    if (!percent || !(*percent > 0 && *percent <= 100)) return {};
    return Share{*percent};
  }
  if (const auto bytes = size_of(text)) return Size{*bytes};
  return {};
}

// So many of them, each equally likely, in order.
std::vector<Id> some_of(std::vector<Id> ids, double share, std::uint64_t seed) {
  if (ids.empty()) return ids;
  const auto wanted = static_cast<std::size_t>(std::floor(static_cast<double>(ids.size()) * share));
  const std::size_t count = std::clamp<std::size_t>(wanted, 1, ids.size());
  base::Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(ids[i], ids[i + random.below(ids.size() - i)]);
  }
  ids.resize(count);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

Result<Subset> parse_subset(std::string_view text) {
  if (const auto subset = read(text)) return *subset;
  return fail(Error{Errc::invalid,
                    fmt::format("'{}' is neither n/t (part n of up to 256), nor x% above 0%, nor a "
                                "size such as 500M",
                                base::printable(text)),
                    "for a seventh each night: --read-data-subset 1/7, 2/7, …"});
}

std::vector<Id> choose(const std::unordered_map<Id, std::uint64_t>& pack_bytes,
                       const Subset& subset, std::uint64_t seed) {
  std::vector<Id> ids;
  std::uint64_t bytes = 0;
  const PartOf* part = std::get_if<PartOf>(&subset);
  for (const auto& [id, size] : pack_bytes) {
    if (part != nullptr && id.bytes[0] % part->parts != part->number - 1) continue;
    ids.push_back(id);
    bytes += size;
  }
  std::sort(ids.begin(), ids.end());
  if (part != nullptr) return ids;
  if (const Share* share = std::get_if<Share>(&subset)) {
    return some_of(std::move(ids), share->percent / 100, seed);
  }
  const auto wanted = static_cast<double>(std::get<Size>(subset).bytes);
  const double share = bytes == 0 ? 1 : std::min(1.0, wanted / static_cast<double>(bytes));
  return some_of(std::move(ids), share, seed);
}

}  // namespace stillpoint::repository
