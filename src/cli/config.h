// SPDX-License-Identifier: Apache-2.0
// stillpoint.yaml. Unknown keys are errors, with line and column. Described in docs/user/config.md.
#pragma once

#include <string>
#include <vector>

#include "backup/system.h"
#include "base/result.h"
#include "cli/options.h"

namespace stillpoint::cli {

// As it stands in the file: who is paused is not looked up, and databases that a layer's own
// settings name are not there yet (session.h: find_systems).
struct ConfiguredSystem {
  backup::System system = {};
  PauseTarget pause = {};
};

struct Config {
  std::string path = {};  // empty: there was no file
  std::string repository = {};
  std::string password_file = {};
  std::string password_command = {};
  std::string compression = {};
  int pack_mib = 0;
  std::string state_dir = {};
  std::string cache = {};  // auto, on, off
  std::string cache_dir = {};
  std::uint64_t cache_bytes = 0;
  std::vector<ConfiguredSystem> systems = {};
};

// The file that --config names, else ./stillpoint.yaml, else /etc/stillpoint/stillpoint.yaml, else
// nothing.
Result<Config> load_config(const std::string& path);
Result<Config> parse_config(const std::string& text, const std::string& path);

}  // namespace stillpoint::cli
