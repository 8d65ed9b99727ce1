// SPDX-License-Identifier: Apache-2.0
// How the snapshots of several databases under a layer are opened: while nothing can commit.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/commit_gate.h"
#include "backup/openings.h"
#include "backup/plan.h"
#include "window/pause.h"

namespace stillpoint::backup {

// Shows that the tables of the gate did not change while it was said to be shut: a second snapshot
// of them, opened after all others, holds the same rows. Where a hold keeps writers off a whole
// database, its write mark shows as much.
class GateTables final : public GateWitness {
 public:
  GateTables(Plan& plan, const database::ReadOptions& options) : plan_(plan), options_(options) {}

  Result<void> before_try(std::stop_token stop) override;
  Result<void> gate_is_shut(base::Deadline deadline) override;
  Result<void> snapshots_are_open(base::Deadline deadline) override;
  Result<std::vector<Evidence>> judge(std::stop_token stop) override;

  // Reads the second snapshot of this database, if there is one, and compares: `objects` are those
  // of the first, which has been read. None where there is nothing to compare.
  Result<std::vector<Evidence>> compare(const std::string& name,
                                        const std::vector<database::Object>& objects,
                                        std::stop_token stop);

 private:
  struct Second {
    PlannedDatabase planned = {};
    bool open = false;
  };

  Plan& plan_;
  const database::ReadOptions options_;
  std::map<std::string, Second> seconds_;          // by the database's name
  std::map<std::string, std::string> shut_marks_;  // likewise
  std::vector<Evidence> marks_;
};

// While the commit gate is shut. `tables` outlives the reading.
Result<Openings> open_in_commit_gate(Plan& plan, GateTables& tables,
                                     const database::ReadOptions& options, std::stop_token stop);

// While everybody whom the system's window names is paused. Of `options`, what the system does not
// say.
Result<Openings> open_in_pause(Plan& plan, window::PauseOptions options, std::stop_token stop);

}  // namespace stillpoint::backup
