// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace stillpoint::window {

// How many requests a server of version 1 says it works on; 0 where it does not tell.
std::int64_t outstanding_in(std::string_view statistics);

}  // namespace stillpoint::window
