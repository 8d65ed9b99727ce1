// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace stillpoint::backup {

std::string program_version();  // "stillpoint 0.1.0"

}  // namespace stillpoint::backup
