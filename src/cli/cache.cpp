// SPDX-License-Identifier: Apache-2.0
#include "cli/cache.h"

#include <charconv>
#include <chrono>

#include <CLI/CLI.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "storage/cache/cache_folder.h"
#include "storage/local/distant.h"

namespace stillpoint::cli {
namespace {

constexpr std::uint64_t bytes_default = limits::GiB;
constexpr std::uint64_t bytes_min = limits::MiB;
constexpr std::chrono::days unused_after{30};

Result<std::unique_ptr<storage::CacheFolder>> open_cache(const Session& session,
                                                         const repository::Repository& repository) {
  Id id;
  if (!Id::parse(repository.id(), id)) {
    return fail(Errc::unsupported, "the repository's id is not 64 hex digits");
  }
  std::uint64_t bytes = session.options.cache_bytes;
  if (bytes == 0) bytes = session.config.cache_bytes;
  if (bytes == 0) bytes = bytes_default;
  return storage::CacheFolder::open(TRY(storage::CacheRoot::open(cache_dir(session), bytes)), id);
}

}  // namespace

Result<void> check_cache_use(const std::string& use) {
  if (use == "auto" || use == "on" || use == "off") return {};
  return fail(Error{Errc::invalid,
                    fmt::format("'{}' is no way to use a cache", base::printable(use)),
                    "write auto, on or off"});
}

Result<std::uint64_t> cache_size_named(std::string text) {
  const std::string given = base::printable(text);
  const Error wrong{Errc::invalid, fmt::format("'{}' is no size of at least 1MiB", given),
                    "write 500MiB or 1GiB; without a cache: off"};
  if (!CLI::AsSizeValue(false)(text).empty()) return fail(wrong);  // leaves digits in `text`
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc() || end != text.data() + text.size() || bytes < bytes_min) {
    return fail(wrong);
  }
  return bytes;
}

std::string cache_dir(const Session& session) {
  if (!session.options.cache_dir.empty()) return session.options.cache_dir;
  if (!session.config.cache_dir.empty()) return session.config.cache_dir;
  return state_dir(session) + "/cache";
}

void use_cache(const Session& session, repository::Repository& repository) {
  std::string use = session.options.cache;
  if (use.empty()) use = session.config.cache;
  if (use == "off") return;
  const bool asked = use == "on";
  if (!asked && !repository.backend().properties().distant) return;
  auto cache = open_cache(session, repository);
  if (!cache) {
    log(LogLevel::warning, "no cache is used: {}", cache.error().message);
    return;
  }
  if (!asked && storage::is_distant(cache_dir(session))) {
    log(LogLevel::debug, "no cache is used: its folder is distant, too");
    return;
  }
  repository.cache_in(std::move(*cache));
}

std::vector<storage::UnusedCache> unused_caches(const Session& session) {
  const auto root = storage::CacheRoot::find(cache_dir(session));
  if (root) return (*root)->unused_since(base::now() - unused_after);
  if (root.error().code != Errc::not_found) {
    log(LogLevel::warning, "caches are not looked at: {}", root.error().message);
  }
  return {};
}

void remove_cache(const Session& session, const Id& repository) {
  const auto root = storage::CacheRoot::find(cache_dir(session));
  if (root) (*root)->remove(repository);
}

}  // namespace stillpoint::cli
