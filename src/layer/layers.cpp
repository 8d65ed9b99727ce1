// SPDX-License-Identifier: Apache-2.0
// The layers there are: one line each.
#include "base/text.h"
#include "layer/layer.h"
#include "layer/scalardb/scalardb_layer.h"
#include "layer/scalardl/scalardl_layer.h"

namespace stillpoint::layer {

Result<std::unique_ptr<Layer>> make_layer(const Spec& spec, Unreadable unreadable) {
  if (spec.kind == "scalardb") return scalardb::layer_of(spec, unreadable);
  if (spec.kind == "scalardl") return scalardl::layer_of(spec, unreadable);
  return fail(Error{Errc::unsupported, "there is no layer " + base::printable(spec.kind),
                    "known are: scalardb, scalardl, none"});
}

}  // namespace stillpoint::layer
