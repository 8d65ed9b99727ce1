// SPDX-License-Identifier: Apache-2.0
// Names of tables as SQL spells them, in quotes of a mark that is doubled inside.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::database {

struct QualifiedName {
  std::string schema = {};
  std::string name = {};
  auto operator<=>(const QualifiedName&) const = default;
};

std::string in_quotes(std::string_view text, char mark);
// Of "schema.name", each with or without quotes. `rule` says how names are written, when it is
// none.
Result<QualifiedName> parse_qualified(std::string_view text, char mark, std::string_view rule);

}  // namespace stillpoint::database
