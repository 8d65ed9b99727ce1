// SPDX-License-Identifier: Apache-2.0
// Scalar DL: the Ledger's databases and, where there is one, the Auditor's. Both store by ScalarDB.
// What one of them knows of an asset the other has to know too, and nothing in the databases ties
// them together: so the Ledger is always paused, over one database too, and both are one backup.
#pragma once

#include <memory>

#include "base/result.h"
#include "layer/layer.h"

namespace stillpoint::layer::scalardl {

Result<std::unique_ptr<Layer>> layer_of(const Spec& spec, Unreadable unreadable);

}  // namespace stillpoint::layer::scalardl
