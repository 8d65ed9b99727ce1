// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/location.h"

#include <filesystem>

namespace stillpoint::database::sqlite {

Result<std::string> path_of(std::string_view url) {
  constexpr std::string_view scheme = "sqlite:";
  std::string_view path = url;
  if (path.starts_with(scheme)) path.remove_prefix(scheme.size());
  const bool host = path.size() < url.size() && path.starts_with("//") && !path.starts_with("///");
  if (host || path.empty()) {
    return fail(Error{Errc::invalid, "understand " + std::string(url) + ": it names no file",
                      "write sqlite:///absolute/path, sqlite:relative/path, or the path alone"});
  }
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) return fail(base::system_error("find " + std::string(path), error.value()));
  const std::string normal = absolute.lexically_normal().string();
  return normal.starts_with("//") ? normal.substr(normal.find_first_not_of('/') - 1) : normal;
}

std::string shown_url(std::string_view url) {
  return std::string(url);
}

std::string whole_url(std::string_view url) {
  const auto path = path_of(url);
  return path ? "sqlite://" + *path : std::string(url);
}

std::string scratch_url(std::string_view, const std::string& path) {
  return "sqlite://" + path + ".db";
}

}  // namespace stillpoint::database::sqlite
