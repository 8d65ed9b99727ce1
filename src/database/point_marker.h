// SPDX-License-Identifier: Apache-2.0
// Restore points in the log of a database server, for those who restore by that log: points that
// have a name or a position, and the clock by which it knows times. No data is read.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"

namespace stillpoint::database {

// The members are called from one thread at a time. Promises, 2 and 3 checked by
// tests/conformance/point_marker_test.cpp for every kind that has a log, 1 and 4 by end-to-end
// tests of each:
//   1. A restore to what mark() returns has everything that was committed before it was called, and
//      nothing that was committed after it returned.
//   2. mark() does constant work and never waits longer than its deadline.
//   3. write_mark() differs from an earlier one when anybody committed in between; marking does not
//      change it.
//   4. After settle() the mark survives a crash of the server.
class PointMarker {
 public:
  virtual ~PointMarker() = default;
  virtual std::string kind() const = 0;
  virtual std::string url() const = 0;  // never with a secret
  // Connects, and checks that points can be marked and will be of use.
  virtual Result<void> prepare(std::stop_token stop) = 0;
  virtual std::vector<Setting> settings() const = 0;
  virtual std::vector<std::string> warnings() const = 0;
  // The server's clock, read while this runs; and how finely a restore can be told a time of it.
  virtual Result<base::Time> clock(base::Deadline deadline) = 0;
  virtual std::chrono::nanoseconds granularity() const = 0;
  virtual Result<std::string> write_mark(base::Deadline deadline) = 0;
  // `name`: letters, digits and '_', 60 at most; used where the kind's points have names.
  virtual Result<RestorePoint> mark(const std::string& name, base::Deadline deadline) = 0;
  virtual Result<void> settle(base::Deadline deadline) = 0;
};

}  // namespace stillpoint::database
