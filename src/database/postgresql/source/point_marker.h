// SPDX-License-Identifier: Apache-2.0
// Named restore points (pg_create_restore_point) in a PostgreSQL server's log.
#pragma once

#include <memory>

#include "database/point_marker.h"

namespace stillpoint::database::postgresql {

Result<std::unique_ptr<PointMarker>> open_marker(const Address& address);

}  // namespace stillpoint::database::postgresql
