// SPDX-License-Identifier: Apache-2.0
#include "window/scalar_admin/statistics.h"

#include <nlohmann/json.hpp>

namespace stillpoint::window {

std::int64_t outstanding_in(std::string_view statistics) {
  const auto json = nlohmann::json::parse(statistics, nullptr, false);
  if (!json.is_object() || !json.contains("outstanding")) return 0;
  const auto& count = json["outstanding"];
  return count.is_number_integer() ? count.get<std::int64_t>() : 0;
}

}  // namespace stillpoint::window
