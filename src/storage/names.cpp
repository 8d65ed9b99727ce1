// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "storage/backend.h"

namespace stillpoint::storage {
namespace {

constexpr std::size_t name_bytes_max = 200;

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '_' ||
         c == '-';
}

bool is_component(std::string_view part) {
  return !part.empty() && part.front() != '.' && part.back() != '.';
}

}  // namespace

Result<void> check_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) {
    return fail(Errc::invalid, "an object's name of {} bytes: it must have 1 to {}", name.size(),
                name_bytes_max);
  }
  const auto refused = [&](std::string_view why) {
    return fail(Errc::invalid, "'{}' is no object's name: {}", base::printable(name), why);
  };
  if (!std::all_of(name.begin(), name.end(), is_allowed)) {
    return refused("only a-z, 0-9, '/', '.', '_' and '-' are allowed");
  }
  for (std::string_view rest = name;;) {
    const std::size_t slash = rest.find('/');
    if (!is_component(rest.substr(0, slash))) {
      return refused("a part of it is empty, or begins or ends with a dot");
    }
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (name == "tmp" || name.starts_with("tmp/")) return refused("tmp is for unfinished files");
  return {};
}

Result<void> check_prefix(std::string_view prefix) {
  if (prefix.empty()) return {};
  if (prefix.back() != '/') {
    return fail(Errc::invalid, "'{}' is no prefix of objects: it must end with '/'",
                base::printable(prefix));
  }
  return check_name(prefix.substr(0, prefix.size() - 1));
}

}  // namespace stillpoint::storage
