// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "database/address.h"
#include "database/point_marker.h"

namespace stillpoint::database::mysql {

// Of a primary that writes a binary log of everything: its end, and the GTIDs in it.
Result<std::unique_ptr<PointMarker>> open_marker(const Address& address);

}  // namespace stillpoint::database::mysql
