// SPDX-License-Identifier: Apache-2.0
// The files below schema/: scripts that the program mysql (or mariadb) runs, and the same as JSON
// for a restore. Their fields are described in docs/formats/mysql.md.
#pragma once

#include <string>
#include <vector>

#include "database/mysql/source/definitions.h"
#include "database/mysql/source/inventory.h"

namespace stillpoint::database::mysql {

struct LoadPart {
  const Table* table = nullptr;
  std::string partition = {};
  std::string path = {};  // "data/shop/accounts/0000"
};

struct SchemaFile {
  std::string name = {};  // "tables.sql"
  std::string text = {};
};

struct SchemaContent {
  const Inventory& inventory;
  const std::vector<TableStatement>& tables;
  const std::vector<Statement>& definitions;
  const std::vector<LoadPart>& parts;
  bool mariadb = false;
};

// In the order in which they are run by hand. Files of what there is none of are left out.
std::vector<SchemaFile> schema_files(const SchemaContent& content);

}  // namespace stillpoint::database::mysql
