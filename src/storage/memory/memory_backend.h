// SPDX-License-Identifier: Apache-2.0
// Objects in the memory of this process: for tests, and for trying things out.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/guarded.h"
#include "storage/backend.h"

namespace stillpoint::storage {

class MemoryBackend : public Backend {
 public:
  using Objects = std::map<std::string, std::shared_ptr<const Bytes>, std::less<>>;
  using Store = base::Guarded<Objects>;

  MemoryBackend(std::string name, std::shared_ptr<Store> store)
      : name_(std::move(name)), store_(std::move(store)) {}

  using Backend::get;
  Properties properties() const override;
  std::string url() const override { return "memory:" + name_; }
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

 private:
  Result<std::shared_ptr<const Bytes>> find(std::string_view name) const;

  std::string name_;
  std::shared_ptr<Store> store_;
};

// Everybody in this process who opens the same name shares its objects.
std::unique_ptr<Backend> open_memory(const std::string& name);
// Objects of its own, gone with it.
std::unique_ptr<Backend> make_memory();

}  // namespace stillpoint::storage
