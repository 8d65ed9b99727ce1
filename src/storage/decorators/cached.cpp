// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/cached.h"

#include <array>
#include <unordered_set>
#include <utility>

#include "base/log.h"

namespace stillpoint::storage {
namespace {

constexpr std::string_view packs_prefix = "data/";
constexpr std::string_view trees_folder = "trees/";
// Prefixes of objects that are kept whole; their copies have the same names.
constexpr std::array<std::string_view, 2> whole_prefixes = {"index/", "snapshots/"};

// The hash that is the name of an object which is kept whole.
std::optional<Id> id_of(std::string_view name) {
  Id id;
  for (const std::string_view prefix : whole_prefixes) {
    if (name.starts_with(prefix) && Id::parse(name.substr(prefix.size()), id)) return id;
  }
  return std::nullopt;
}

// "trees/ID" for "data/XX/ID": the copies of a pack's pieces.
std::optional<std::string> pieces_of(std::string_view name) {
  Id id;
  if (!name.starts_with(packs_prefix)) return std::nullopt;
  const std::size_t slash = name.rfind('/');
  if (slash != packs_prefix.size() + 2 || !Id::parse(name.substr(slash + 1), id)) {
    return std::nullopt;
  }
  return std::string(trees_folder) + id.hex();
}

bool is_whole(ByteRange range) {
  return range.offset == 0 && range.size == ByteRange{}.size;
}

// The copies of objects below the prefix, by the objects' names.
std::unordered_set<std::string> copies_below(const CacheFolder& folder, std::string_view prefix) {
  std::unordered_set<std::string> names;
  const auto add = [&](std::string name) {
    if (name.starts_with(prefix)) names.insert(std::move(name));
  };
  for (const std::string_view kind : whole_prefixes) {
    if (!kind.starts_with(prefix) && !prefix.starts_with(kind)) continue;
    for (const std::string& name : folder.names(std::string(kind))) add(std::string(kind) + name);
  }
  if (packs_prefix.starts_with(prefix) || prefix.starts_with(packs_prefix)) {
    for (const std::string& pack : folder.names(std::string(trees_folder))) {
      add(fmt::format("{}{}/{}", packs_prefix, pack.substr(0, 2), pack));
    }
  }
  return names;
}

}  // namespace

std::optional<Bytes> Cached::copy_of(std::string_view name, const Id& id) {
  const std::string key(name);
  const auto bytes = listed_.with([&](const Sizes& sizes) {
    const auto found = sizes.find(key);
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  });
  if (!bytes) return std::nullopt;
  std::optional<Bytes> copy = folder_->get(key, *bytes);
  if (!copy || base::sha256(*copy) == id) return copy;
  log(LogLevel::debug, "the cached copy of {} is damaged: it is read from the storage", name);
  folder_->drop(key);
  return std::nullopt;
}

Result<Bytes> Cached::get(std::string_view name, ByteRange range) {
  const auto id = id_of(name);
  if (!id || !is_whole(range) || past_) return inner().get(name, range);
  if (auto copy = copy_of(name, *id)) return std::move(*copy);
  Bytes bytes = TRY(inner().get(name, range));
  if (base::sha256(bytes) == *id) folder_->put(std::string(name), bytes);
  return bytes;
}

Result<void> Cached::get_piece(std::string_view name, ByteRange range, const Use& use) {
  const auto pieces = pieces_of(name);
  if (!pieces || past_) return use(TRY(inner().get(name, range)));
  const std::string piece = fmt::format("{}/{}-{}", *pieces, range.offset, range.size);
  if (const auto copy = folder_->get(piece, range.size)) {
    const Result<void> used = use(*copy);
    if (used) return used;
    log(LogLevel::debug, "a cached piece of {} is of no use: {}", name, used.error().message);
    folder_->drop(piece);
  }
  const Bytes bytes = TRY(inner().get(name, range));
  TRY(use(bytes));
  folder_->put(piece, bytes);
  return {};
}

void Cached::forget(std::string_view name) {
  if (id_of(name)) {
    listed_.with([&](Sizes& sizes) { sizes.erase(std::string(name)); });
    folder_->drop(std::string(name));
  } else if (const auto pieces = pieces_of(name)) {
    folder_->drop(*pieces);
  }
}

Result<void> Cached::put(std::string_view name, ByteView bytes, PutMode mode) {
  TRY(inner().put(name, bytes, mode));
  if (mode == PutMode::replace) forget(name);
  const auto id = id_of(name);
  if (!id || past_ || base::sha256(bytes) != *id) return {};
  listed_.with([&](Sizes& sizes) { sizes[std::string(name)] = bytes.size(); });
  folder_->put(std::string(name), bytes);
  return {};
}

Result<void> Cached::remove(std::string_view name) {
  Result<void> removed = inner().remove(name);
  forget(name);  // also after a failure: it may have happened nevertheless
  return removed;
}

Result<void> Cached::list(std::string_view prefix, const Visit& visit) {
  std::unordered_set<std::string> gone = copies_below(*folder_, prefix);
  Sizes found;
  TRY(inner().list(prefix, [&](const ObjectInfo& info) -> Result<void> {
    gone.erase(info.name);
    if (id_of(info.name)) found[info.name] = info.bytes;
    return visit(info);
  }));
  listed_.with([&](Sizes& sizes) {
    std::erase_if(sizes, [&](const auto& entry) { return entry.first.starts_with(prefix); });
    sizes.merge(found);
  });
  for (const std::string& name : gone) forget(name);
  return {};
}

}  // namespace stillpoint::storage
