// SPDX-License-Identifier: Apache-2.0
// Names in restic's trees are quoted as Go quotes strings, so that any bytes survive JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::repository {

std::string go_quote(std::string_view name);  // without the quotation marks around it
Result<std::string> go_unquote(std::string_view quoted);

}  // namespace stillpoint::repository
