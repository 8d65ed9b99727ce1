// SPDX-License-Identifier: Apache-2.0
// What SHOW CREATE TABLE prints, taken apart: tables are filled faster without their secondary
// indexes, and foreign keys need the other tables to be there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stillpoint::database::mysql {

struct TableDefinition {
  std::string complete = {};  // as the server printed it
  std::string without_foreign_keys = {};
  // Without what the two lists hold.
  std::string base = {};
  std::vector<std::string> indexes = {};       // "KEY `k` (`a`)": after ALTER TABLE … ADD
  std::vector<std::string> foreign_keys = {};  // "CONSTRAINT `f` FOREIGN KEY …"
};

// `create` is "CREATE TABLE `name` (…) …". Indexes that an AUTO_INCREMENT column needs stay in the
// base.
TableDefinition take_apart(std::string create);

// Whether the definition may have lost characters: some servers print ? for those beyond the
// Basic Multilingual Plane in defaults and in members of ENUM and SET.
bool may_have_lost_characters(std::string_view create);

// CHECK constraints get names of the server's making: in MySQL a schema has each name but once.
std::string without_check_names(std::string_view create);

// The statement without "AUTO_INCREMENT=7".
std::string without_counter(std::string_view create);

}  // namespace stillpoint::database::mysql
