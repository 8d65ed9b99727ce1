// SPDX-License-Identifier: Apache-2.0
// What is known of a window, as JSON: in manifests, and printed.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "window/pause.h"

namespace stillpoint::backup {

nlohmann::ordered_json json_of(const window::PauseEvidence& evidence);
nlohmann::ordered_json json_of(const window::Endpoint& endpoint);

// The other way. Throws on anything unexpected, as nlohmann's library does.
window::PauseEvidence pause_evidence_of(const nlohmann::ordered_json& json);
base::Time time_at(const nlohmann::ordered_json& json, const char* name);

}  // namespace stillpoint::backup
