// SPDX-License-Identifier: Apache-2.0
// What ScalarDB's properties say of databases and transactions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "layer/scalardb/properties.h"

namespace stillpoint::layer::scalardb {

// One database that ScalarDB stores in.
struct Storage {
  std::string name = {};  // as multi-storage names it; "database" where there is one only
  std::string url = {};   // ours; there may be a password in it
};

// One that cannot be read: an instant of it can be marked, no more.
struct OtherStorage {
  std::string name = {};
  std::string kind = {};  // "cassandra", "Oracle Database"
  bool operator==(const OtherStorage&) const = default;
};

// Where the states of transactions are: the table `state` of that namespace.
struct Coordinator {
  std::string name_space = {};
  std::string storage = {};
  bool operator==(const Coordinator&) const = default;
};

struct Settings {
  std::vector<Storage> storages = {};  // no two of one database, whatever ScalarDB calls them
  std::vector<OtherStorage> others = {};
  std::vector<Coordinator> coordinators = {};
  std::string system_namespace = "scalardb";  // of its metadata
  bool one_phase_commit = false;
  bool group_commit = false;
  bool async_commit = false;
  bool write_set_logging = false;
};

// What becomes of storages that cannot be read.
enum class Others { refused, listed };

// `unsupported`, with the reason and what to do, for what cannot be backed up so: other transaction
// managers, and, where they are refused, storages of other kinds.
Result<Settings> read_settings(const Properties& properties, Others others = Others::refused);

// Of several applications on the same databases: all databases and coordinators of any, and what
// one switches on is on. A database has the name that the first gives it; `invalid` where one name
// stands for two databases.
Result<Settings> join(std::vector<Settings> all);

// Of files.
Result<Settings> read_settings_of(const std::vector<std::string>& paths,
                                  Others others = Others::refused);

}  // namespace stillpoint::layer::scalardb
