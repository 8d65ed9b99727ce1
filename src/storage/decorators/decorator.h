// SPDX-License-Identifier: Apache-2.0
// A backend in front of another one; by itself it changes nothing.
#pragma once

#include <memory>
#include <utility>

#include "storage/backend.h"

namespace stillpoint::storage {

class Decorator : public Backend {
 public:
  explicit Decorator(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  using Backend::get;
  Properties properties() const override { return inner_->properties(); }
  std::string url() const override { return inner_->url(); }
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override {
    return inner_->put(name, bytes, mode);
  }
  Result<Bytes> get(std::string_view name, ByteRange range) override {
    return inner_->get(name, range);
  }
  Result<ObjectInfo> stat(std::string_view name) override { return inner_->stat(name); }
  Result<void> list(std::string_view prefix, const Visit& visit) override {
    return inner_->list(prefix, visit);
  }
  Result<void> remove(std::string_view name) override { return inner_->remove(name); }
  void tidy(std::string_view prefix) override { inner_->tidy(prefix); }

 protected:
  Backend& inner() { return *inner_; }

 private:
  std::unique_ptr<Backend> inner_;
};

}  // namespace stillpoint::storage
