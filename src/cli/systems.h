// SPDX-License-Identifier: Apache-2.0
// The systems that a command is about: of stillpoint.yaml, of URLs, or of ScalarDB's properties.
#pragma once

#include <string>
#include <vector>

#include "backup/system.h"
#include "base/result.h"
#include "cli/options.h"
#include "cli/session.h"

namespace stillpoint::cli {

struct SystemChoice {
  std::vector<std::string> what = {};  // names of systems, or URLs; empty: all there are
  PropertiesOptions properties = {};
  WindowOptions window = {};
  layer::Unreadable unreadable = layer::Unreadable::refused;  // of a layer's storages
};

// With all databases, and with those who can be paused.
Result<std::vector<backup::System>> find_systems(const Session& session,
                                                 const SystemChoice& choice);

// Every database that is known by the configuration or these properties. What cannot be read of
// them is left out, with a warning.
std::vector<backup::DatabaseSpec> known_databases(const Session& session,
                                                  const PropertiesOptions& properties);

}  // namespace stillpoint::cli
