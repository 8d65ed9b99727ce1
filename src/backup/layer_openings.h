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
#include "pipeline/rate_limit.h"
#include "window/pause.h"

namespace stillpoint::backup {

// Second snapshots of the tables without which nothing commits, opened after all others, while
// nobody can commit, or is said to be unable to: whoever did all the same shows in them.
class SecondSnapshots final : public GateWitness {
 public:
  SecondSnapshots(Plan& plan, const database::ReadOptions& options)
      : plan_(plan), options_(options) {}

  Result<void> before_try(std::stop_token stop) override;
  Result<void> snapshots_are_open(base::Deadline deadline) override;

  // Reads that of this database, if there is one, and lets it go. `objects` are those of the first
  // snapshot, which has been read.
  Result<std::vector<Evidence>> compare(const std::string& name,
                                        const std::vector<database::Object>& objects,
                                        pipeline::RateLimit& rate, std::stop_token stop);

 private:
  struct Second {
    PlannedDatabase planned = {};
    bool open = false;
  };
  Result<void> read(const std::string& name, std::vector<database::Object>& objects,
                    pipeline::RateLimit& rate, std::stop_token stop);
  Evidence judge(const std::string& name, const std::string& table, const std::string& before,
                 const std::string& after) const;

  Plan& plan_;
  const database::ReadOptions options_;
  std::map<std::string, Second> seconds_;  // by the database's name
};

// While the commit gate is shut. `seconds` outlives the reading.
Result<Openings> open_in_commit_gate(Plan& plan, SecondSnapshots& seconds,
                                     const database::ReadOptions& options, std::stop_token stop);

// While everybody whom the system's window names is paused. Of `options`, what the system does not
// say.
Result<Openings> open_in_pause(Plan& plan, SecondSnapshots& seconds, window::PauseOptions options,
                               std::stop_token stop);

}  // namespace stillpoint::backup
