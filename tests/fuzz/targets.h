// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace stillpoint::fuzz {

// A decoder, and bytes that it accepts: where mutation begins.
struct Target {
  std::string_view name;  // also in cmake/compiler.cmake
  void (*decode)(ByteView bytes);
  std::string example;
};

const std::vector<Target>& targets();

}  // namespace stillpoint::fuzz
