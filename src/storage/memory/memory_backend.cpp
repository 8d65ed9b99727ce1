// SPDX-License-Identifier: Apache-2.0
#include "storage/memory/memory_backend.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "storage/range.h"

namespace stillpoint::storage {

Properties MemoryBackend::properties() const {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return {std::max(processors, 1), limits::object_bytes_max, false};
}

Result<void> MemoryBackend::put(std::string_view name, ByteView bytes, PutMode mode) {
  TRY(check_name(name));
  if (bytes.size() > limits::object_bytes_max) {
    return fail(Errc::invalid, "put {}: {} bytes are more than an object may have", name,
                bytes.size());
  }
  auto object = std::make_shared<const Bytes>(base::copy_of(bytes));
  const bool done = store_->with([&](Objects& objects) {
    if (mode == PutMode::create_only) return objects.emplace(name, object).second;
    objects.insert_or_assign(std::string(name), object);
    return true;
  });
  if (!done) return fail(Errc::already_exists, "put {} in {}: it exists", name, url());
  return {};
}

Result<std::shared_ptr<const Bytes>> MemoryBackend::find(std::string_view name) const {
  TRY(check_name(name));
  std::shared_ptr<const Bytes> object = store_->with([&](const Objects& objects) {
    const auto found = objects.find(name);
    return found == objects.end() ? nullptr : found->second;
  });
  if (!object) return fail(Errc::not_found, "there is no {} in {}", name, url());
  return object;
}

Result<Bytes> MemoryBackend::get(std::string_view name, ByteRange range) {
  const std::shared_ptr<const Bytes> object = TRY(find(name));
  const ByteRange part = TRY(resolve_range(name, range, object->size()));
  return base::copy_of(ByteView(*object).subspan(part.offset, part.size));
}

Result<ObjectInfo> MemoryBackend::stat(std::string_view name) {
  const std::shared_ptr<const Bytes> object = TRY(find(name));
  return ObjectInfo{std::string(name), object->size()};
}

Result<void> MemoryBackend::list(std::string_view prefix, const Visit& visit) {
  TRY(check_prefix(prefix));
  std::vector<ObjectInfo> found;  // visited without the lock: the visitor may come back to us
  store_->with([&](const Objects& objects) {
    for (auto at = objects.lower_bound(prefix); at != objects.end(); ++at) {
      if (!at->first.starts_with(prefix)) break;
      found.push_back({at->first, at->second->size()});
    }
  });
  for (const ObjectInfo& info : found) TRY(visit(info));
  return {};
}

Result<void> MemoryBackend::remove(std::string_view name) {
  TRY(check_name(name));
  store_->with([&](Objects& objects) {
    const auto found = objects.find(name);
    if (found != objects.end()) objects.erase(found);
  });
  return {};
}

std::unique_ptr<Backend> open_memory(const std::string& name) {
  using Stores = std::map<std::string, std::shared_ptr<MemoryBackend::Store>>;
  static base::Guarded<Stores> stores;
  return std::make_unique<MemoryBackend>(name, stores.with([&](Stores& named) {
    auto& store = named[name];
    if (!store) store = std::make_shared<MemoryBackend::Store>();
    return store;
  }));
}

std::unique_ptr<Backend> make_memory() {
  return std::make_unique<MemoryBackend>("", std::make_shared<MemoryBackend::Store>());
}

}  // namespace stillpoint::storage
