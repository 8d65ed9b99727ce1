// SPDX-License-Identifier: Apache-2.0
// A system: the databases that belong together. From stillpoint.yaml, or made of URLs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/database.h"

namespace stillpoint::backup {

// separate: each database stands for itself. together: they have to agree, and the backup must show
// that they do.
enum class Consistency { separate, together };

struct DatabaseSpec {
  std::string name = {};
  database::Address address = {};
  database::Choice choice = {};  // of its tables
};

struct System {
  std::string name = {};
  Consistency consistency = Consistency::separate;
  std::vector<DatabaseSpec> databases = {};
};

std::string_view name_of(Consistency consistency);
Result<Consistency> consistency_named(std::string_view name);

// Systems and databases are named by a letter or digit, then letters, digits, '.', '_' and '-'.
Result<void> check_system_name(std::string_view name);
// A label is 1 to 100 printable bytes without comma (restic's tags are parted by them), and none of
// the words that mean something else.
Result<void> check_label(std::string_view label);
// "/srv/shop/cart.db" → a system "cart" with one database "cart".
Result<System> system_of_url(const std::string& url);

}  // namespace stillpoint::backup
