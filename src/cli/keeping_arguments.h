// SPDX-License-Identifier: Apache-2.0
// Options of the commands that look after what is kept: check, forget, key, repair.
#pragma once

#include <array>
#include <string_view>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace stillpoint::cli {

// These keep references to the structs until the command line is parsed.
void add_check_options(CLI::App& command, CheckCommand& options);
void add_forget_options(CLI::App& command, ForgetCommand& options);  // without the backups' names

void add_repair_options(CLI::App& command, RepairIndexCommand& options);
void add_repair_options(CLI::App& command, RepairPacksCommand& options);
void add_repair_options(CLI::App& command, RepairSnapshotsCommand& options);

struct NamedKeyAction {
  std::string_view name = {};
  std::string_view text = {};
  KeyAction action = KeyAction::list;
};
inline constexpr std::array<NamedKeyAction, 4> key_actions = {{
    {"list", "List the keys, each of which a password opens", KeyAction::list},
    {"add", "Add a password", KeyAction::add},
    {"change", "Replace the password in use by a new one", KeyAction::change},
    {"remove", "Remove a password", KeyAction::remove},
}};
void add_key_options(CLI::App& command, KeyCommand& options);  // of its action

}  // namespace stillpoint::cli
