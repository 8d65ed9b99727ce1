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

// Which layer, and where its settings are.
struct Spec {
  std::string kind = "none";  // "scalardb", "scalardl"
  // Files: of ScalarDB's applications, of Scalar DL's Ledger.
  std::vector<std::string> properties = {};
  std::vector<std::string> auditor_properties = {};  // of Scalar DL's Auditor, where there is one
  bool any() const { return kind != "none"; }
};

struct Place {
  std::string name = {};  // of the database in the backup
  std::string url = {};   // there may be a password in it
};

// A storage that cannot be read: only a restore point can be marked for it.
struct Elsewhere {
  std::string name = {};
  std::string kind = {};  // "cosmos"
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

// One thread, but for the watches. In this order.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::string name() const = 0;  // "scalardb"
  virtual std::vector<Place> places() const = 0;
  virtual std::vector<Elsewhere> elsewhere() const = 0;
  // Nothing but a pause will do, whatever the databases can.
  virtual bool always_pauses() const = 0;
  // Which tables are the layer's, by its own metadata. Fails where what must be there is not.
  virtual Result<void> examine(const std::vector<Member>& members) = 0;
  // Facts for the manifest.
  virtual std::vector<database::Setting> settings() const = 0;
  virtual std::vector<std::string> warnings() const = 0;
  // Why the commit gate would prove nothing; empty where it would.
  virtual std::string gate_refusal() const = 0;
  // The tables without which nothing commits, by the member's name.
  virtual std::map<std::string, std::vector<std::string>> gate_tables() const = 0;
  // What is to be seen of the data while they are read; for each member, before it is opened. The
  // members of gate_tables() are best read first. The layer outlives the reading.
  virtual std::vector<database::Watch> watches(const Member& member) = 0;
  // The same for a second snapshot of gate_tables(), which is read after the first.
  virtual std::vector<database::Watch> watches_again(const Member& member) = 0;
  // All are open. Nothing has been read yet.
  virtual void opened(const Cut& cut) = 0;
  // Once all have been read.
  virtual std::vector<Finding> judge() = 0;
};

// How storages that cannot be read are met.
enum class Unreadable { refused, listed };

// Reads the settings. `unsupported`, with the reason and what to do, for what cannot be backed up.
Result<std::unique_ptr<Layer>> make_layer(const Spec& spec, Unreadable unreadable);

}  // namespace stillpoint::layer
