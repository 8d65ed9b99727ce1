// SPDX-License-Identifier: Apache-2.0
// A system: the databases that belong together. From stillpoint.yaml, or made of URLs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "layer/layer.h"
#include "window/service.h"

namespace stillpoint::backup {

// separate: each database stands for itself. together: they have to agree, and the backup must show
// that they do.
enum class Consistency { separate, together };

struct DatabaseSpec {
  std::string name = {};
  database::Address address = {};
  database::Choice choice = {};  // of its tables
};

// What holds commits still while the snapshots are opened: whatever will do, or the one that the
// user insists on.
enum class WindowKind { automatic, gate, pause };
Result<WindowKind> window_kind_named(std::string_view name);  // "auto", "gate", "pause"

struct WindowSpec {
  WindowKind kind = WindowKind::automatic;
  // Of the commit gate; see GateLimits.
  base::Duration wait_max = std::chrono::milliseconds(200);
  base::Duration hold_max = std::chrono::seconds(1);
  // Who can be paused; empty: nobody. See window::PauseOptions.
  std::vector<window::Service> services = {};
  base::Duration drain_max = std::chrono::seconds(30);
  base::Duration pause_max = std::chrono::seconds(60);
};

struct System {
  std::string name = {};
  Consistency consistency = Consistency::separate;
  layer::Spec layer = {};
  WindowSpec window = {};
  std::vector<DatabaseSpec> databases = {};
  std::vector<layer::Elsewhere> elsewhere = {};  // what of it cannot be read
};

// Where the system has a layer: adds the databases that the layer's own settings name. Those that
// are there already by the same name stand for another way to the same database.
Result<void> add_databases_of_layer(System& system, layer::Unreadable unreadable);

std::string_view name_of(Consistency consistency);
Result<Consistency> consistency_named(std::string_view name);

// Systems and databases are named by a letter or digit, then letters, digits, '.', '_' and '-'.
Result<void> check_system_name(std::string_view name);
// A label is 1 to 100 printable bytes without comma (restic's tags are parted by them), and none of
// the words that mean something else.
Result<void> check_label(std::string_view label);
// "/srv/shop/cart.db" → a system "cart" with one database "cart".
Result<System> system_of_url(const std::string& url);

}  // namespace stillpoint::backup
