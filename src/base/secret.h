// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace stillpoint::base {

// A password. It is wiped when it goes, cannot be printed by accident, and moves without copies.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  ~Secret() { wipe(); }
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  std::string_view reveal() const { return value_; }

 private:
  void wipe() {
    // volatile: the compiler may not leave out writes to memory that is about to be freed
    for (volatile char* c = value_.data(); c != value_.data() + value_.size(); ++c) *c = 0;
    value_.clear();
  }
  std::string value_;
};

}  // namespace stillpoint::base
