// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "layer/layer.h"
#include "layer/scalardb/settings.h"

namespace stillpoint::layer::scalardb {

// ScalarDB's Consensus Commit over the databases that the settings name.
std::unique_ptr<Layer> make_layer(Settings settings);

}  // namespace stillpoint::layer::scalardb
