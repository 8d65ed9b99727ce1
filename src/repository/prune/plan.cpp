// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace stillpoint::repository {
namespace {

// Of the packs' size: what is smaller is worth to be put together, as restic sees it too.
constexpr double small_share = 0.8;

double unused_share(const PackUse& pack) {
  const auto all = static_cast<double>(pack.bytes_used + pack.bytes_unused);
  return all == 0 ? 0 : static_cast<double>(pack.bytes_unused) / all;
}

std::uint64_t limit_of(const UnusedLimit& limit, std::uint64_t bytes_used) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  if (limit.kind == UnusedLimit::Kind::unlimited) return most;
  if (limit.kind == UnusedLimit::Kind::bytes) return limit.bytes;
  if (limit.percent >= 100) return most;
  return static_cast<std::uint64_t>(static_cast<double>(bytes_used) * limit.percent /
                                    (100 - limit.percent));
}

// One alone would only become another small one.
std::vector<std::uint32_t> small_packs(const std::vector<PackUse>& packs,
                                       const std::vector<Fate>& fates, std::size_t pack_bytes) {
  std::array<std::vector<std::uint32_t>, 2> small;
  for (std::uint32_t number = 0; number < packs.size(); ++number) {
    const PackUse& pack = packs[number];
    if (fates[number] != Fate::keep) continue;
    if (static_cast<double>(pack.bytes) >= static_cast<double>(pack_bytes) * small_share) continue;
    small[static_cast<std::size_t>(pack.type)].push_back(number);
  }
  std::vector<std::uint32_t> all;
  for (const auto& of_type : small) {
    if (of_type.size() >= 2) all.insert(all.end(), of_type.begin(), of_type.end());
  }
  return all;
}

}  // namespace

PrunePlan plan_prune(const std::vector<PackUse>& packs, const PruneOptions& options) {
  PrunePlan plan;
  plan.fates.resize(packs.size(), Fate::keep);
  std::vector<std::uint32_t> candidates;
  std::uint64_t bytes_used = 0;
  std::uint64_t& unused = plan.bytes_left_unused;
  for (std::uint32_t number = 0; number < packs.size(); ++number) {
    const PackUse& pack = packs[number];
    if (pack.blobs_used == 0) {
      plan.fates[number] = pack.there ? Fate::retire : Fate::drop;
      continue;
    }
    bytes_used += pack.bytes_used;
    unused += pack.bytes_unused;
    if (pack.bytes_unused > 0) candidates.push_back(number);
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&](std::uint32_t a, std::uint32_t b) {
    return unused_share(packs[a]) > unused_share(packs[b]);
  });

  std::uint64_t left = options.repack_bytes_max;
  const auto rewrite = [&](std::uint32_t number) {
    if (packs[number].bytes > left) return;  // a smaller one may still fit
    left -= packs[number].bytes;
    plan.fates[number] = Fate::rewrite;
    unused -= packs[number].bytes_unused;
  };
  const std::uint64_t limit = limit_of(options.unused_max, bytes_used);
  for (const std::uint32_t number : candidates) {
    if (unused <= limit) break;
    rewrite(number);
  }
  if (options.repack_small) {
    for (const std::uint32_t number : small_packs(packs, plan.fates, options.pack_bytes)) {
      rewrite(number);
    }
  }
  return plan;
}

Result<UnusedLimit> unused_limit_named(std::string_view text) {
  const auto wrong = [&] {
    return fail(Error{Errc::invalid,
                      fmt::format("'{}' is no limit of unused space", base::printable(text)),
                      "give a share such as 5%, a size such as 1GiB, 0 or unlimited"});
  };
  UnusedLimit limit;
  if (text == "unlimited") {
    limit.kind = UnusedLimit::Kind::unlimited;
    return limit;
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return wrong();
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit == "%") {
    limit.percent = number;
    return limit;
  }
  limit.kind = UnusedLimit::Kind::bytes;
  constexpr std::string_view letters = "KMGT";
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    const auto power = letters.find(unit[0]);
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos) return wrong();
    if (!rest.empty() && rest != "B" && rest != "iB") return wrong();
    factor = std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (number * factor >= 9e18) return wrong();
  limit.bytes = static_cast<std::uint64_t>(number * factor);
  return limit;
}

}  // namespace stillpoint::repository
