// SPDX-License-Identifier: Apache-2.0
// Java's .properties files, read as java.util.Properties and ScalarDB read them: Latin-1 with
// \uXXXX, values without the spaces around them, ${env:NAME} and ${env:NAME:-default} replaced. A
// variable without a value stays as it stands there, and the application fails by it; here it is
// refused by its name.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stillpoint::layer::scalardb {

class Properties {
 public:
  // `invalid`, with the line's number, for what Java would refuse. No error contains a value: there
  // may be a password in it.
  static Result<Properties> parse(std::string_view text);

  void set(std::string name, std::string value) { values_[std::move(name)] = std::move(value); }
  // Replaced and trimmed; none where it is missing or empty. `invalid` where a variable of it has
  // no value here, or only the application's Java machine knows it (${sys:…}).
  Result<std::optional<std::string>> find(const std::string& name) const;
  Result<std::string> get(const std::string& name, std::string fallback) const;
  Result<bool> flag(const std::string& name, bool fallback) const;
  // "a, b\,c" → "a", "b,c".
  Result<std::vector<std::string>> list(const std::string& name) const;

  const std::map<std::string, std::string>& values() const { return values_; }

 private:
  std::map<std::string, std::string> values_;  // as they stand in the file
};

// How ${…} is replaced: `lookup` gets what stands before a ":-".
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;
Result<std::string> replace_variables(std::string_view text, const Lookup& lookup);

}  // namespace stillpoint::layer::scalardb
