// SPDX-License-Identifier: Apache-2.0
// Reading JSON that somebody else wrote: every access checked, none throws.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"

namespace stillpoint::repository {

using Json = nlohmann::json;

Result<Json> parse_json(ByteView text);  // an object, or `corrupt`
// Written as restic writes it: no blanks; bytes that are not UTF-8 replaced rather than thrown
// over.
std::string write_json(const Json& value);

// Of an object; what is missing or of another type counts as not there.
std::string text_or(const Json& from, const char* name, std::string otherwise = {});
std::uint64_t number_or(const Json& from, const char* name, std::uint64_t otherwise = 0);
std::vector<std::string> texts_of(const Json& from, const char* name);
Result<Id> id_of(const Json& from, const char* name);
Result<base::Time> time_of(const Json& from, const char* name);

}  // namespace stillpoint::repository
