// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::database::sqlite {

// The absolute path that "sqlite:///abs/path", "sqlite:rel/path" or a plain path names.
Result<std::string> path_of(std::string_view url);

}  // namespace stillpoint::database::sqlite
