// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "layer/layer.h"
#include "layer/scalardb/settings.h"

namespace stillpoint::layer::scalardb {

// Consensus Commit over the databases that the settings name. Several settings are several
// installations that are backed up as one; a storage's name stands for one database in all.
struct Installation {
  Settings settings = {};
  // On one database, and not held with the others: it is of the instant of its snapshot.
  bool stands_alone = false;
};
struct LayerSpec {
  std::string name = "scalardb";
  std::vector<Installation> installations = {};
  bool always_pauses = false;
};
std::unique_ptr<Layer> make_layer(LayerSpec spec);

// Of its applications' properties.
Result<std::unique_ptr<Layer>> layer_of(const Spec& spec, Unreadable unreadable);

}  // namespace stillpoint::layer::scalardb
