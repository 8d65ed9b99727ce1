// SPDX-License-Identifier: Apache-2.0
// A restore point over several databases that we do not read: all services are paused, a point is
// marked in the log of each database, and everybody stands still for so long that there is also a
// time by each database's clock that lies in the window. Kept as a backup without data.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "backup/system.h"
#include "base/result.h"
#include "job/job.h"
#include "repository/repository.h"
#include "window/clocks.h"
#include "window/pause.h"
#include "window/service.h"

namespace stillpoint::backup {

// A database of which nothing but a clock can be asked: that of the endpoint in front of it.
struct EndpointSpec {
  std::string name = {};
  std::string url = {};
};

struct RestorePointRequest {
  std::string system = {};
  std::string label = {};
  std::vector<DatabaseSpec> databases = {};
  std::vector<EndpointSpec> endpoints = {};
  // Cannot be asked, but for an endpoint in front that has the same name.
  std::vector<layer::Elsewhere> elsewhere = {};
  std::string endpoints_ca = {};  // a file; empty: the system's authorities
  std::vector<window::Service> services = {};
  window::PauseOptions pause = {};          // but for hold_max, which follows from the hold
  std::optional<base::Duration> hold = {};  // none: as long as the rule needs
};

struct RestorePointOutcome {
  std::optional<repository::Record> record = {};  // where it is kept
  Manifest manifest = {};
  std::vector<std::string> warnings = {};
};

// Without a repository it is not kept. Fails with `not_held` when the window did not hold, and
// with `still_held` when somebody could not be let go.
Result<RestorePointOutcome> take_restore_point(const RestorePointRequest& request,
                                               repository::Repository* repository,
                                               job::Job::Context& job);

// How long everybody stands still, and why.
struct HoldRule {
  std::string name = {};  // "given", "measured", "unmeasured"
  base::Duration time = {};
};
struct MeasuredClock {
  window::Offset offset = {};
  std::chrono::nanoseconds granularity = {};
};
HoldRule hold_rule(const std::optional<base::Duration>& given,
                   const std::vector<MeasuredClock>& clocks);

}  // namespace stillpoint::backup
