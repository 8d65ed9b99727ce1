// SPDX-License-Identifier: Apache-2.0
// What makes transactions above databases: which databases belong together, what has to be held so
// that their snapshots are one instant, and what the data themselves say about that.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"

namespace stillpoint::layer {

struct Place {
  std::string name = {};  // of the database in the backup
  std::string url = {};   // there may be a password in it
};

// A database of the system: prepared, not open.
struct Member {
  std::string name = {};
  database::Database* database = nullptr;
};

// When and how the snapshots were opened.
struct Cut {
  base::Time begin = {};  // before the first opening
  base::Time end = {};    // after the last
  bool paused = false;    // by a pause, in which nobody was at work; else by the commit gate
};

// Something that the data say for or against the cut.
struct Finding {
  enum class Weight {
    speaks_for,
    leaves_doubt,     // the backup is not proven
    contradicts_cut,  // somebody was not held: the backup is not to be used
  };
  Weight weight = Weight::speaks_for;
  std::string kind = {};  // "coordinator_rows", "prepared_records"
  std::string text = {};  // for people: with table, key and transaction where it is about one
};

// One thread, but for what watch() sets up. In this order.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::string name() const = 0;  // "scalardb"
  virtual std::vector<Place> places() const = 0;
  // Which tables are the layer's, by its own metadata. Fails where what must be there is not.
  virtual Result<void> examine(const std::vector<Member>& members) = 0;
  // Facts for the manifest.
  virtual std::vector<database::Setting> settings() const = 0;
  virtual std::vector<std::string> warnings() const = 0;
  // Why the commit gate would prove nothing; empty where it would.
  virtual std::string gate_refusal() const = 0;
  // The tables without which nothing commits, by the member's name.
  virtual std::map<std::string, std::vector<std::string>> gate_tables() const = 0;
  // Sees the data while they are read. The members of gate_tables() are best read first.
  virtual Result<void> watch(const std::vector<Member>& members, const Cut& cut) = 0;
  // Once all have been read.
  virtual std::vector<Finding> judge() = 0;
};

}  // namespace stillpoint::layer
