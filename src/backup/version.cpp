// SPDX-License-Identifier: Apache-2.0
#include "backup/version.h"

namespace stillpoint::backup {

std::string program_version() {
  return "stillpoint " STILLPOINT_VERSION;
}

}  // namespace stillpoint::backup
