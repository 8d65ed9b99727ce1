// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::database::sqlite {

// The absolute path that "sqlite:///abs/path", "sqlite:rel/path" or a plain path names.
Result<std::string> path_of(std::string_view url);

// There are no secrets in these URLs.
std::string shown_url(std::string_view url);
std::string whole_url(std::string_view url);  // with the absolute path
std::string scratch_url(std::string_view url, const std::string& path);

}  // namespace stillpoint::database::sqlite
