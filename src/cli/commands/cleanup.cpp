// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/switch_journal.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cache.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"
#include "database/target.h"

namespace stillpoint::cli {
namespace {

using database::Leftover;

struct Found {
  std::string database = {};
  const database::Kind* kind = nullptr;
  database::Address address = {};
  Leftover leftover = {};
  bool removed = false;
};

struct FoundCache {
  storage::UnusedCache cache = {};
  bool removed = false;
};

std::vector<FoundCache> find_caches(const Session& session) {
  std::vector<FoundCache> all;
  for (const storage::UnusedCache& cache : unused_caches(session)) all.push_back({cache, false});
  return all;
}

// Whoever names no database may mean the caches, where there are some.
Result<std::vector<Found>> find_leftovers(const CleanupCommand& command, const Session& session,
                                          const std::vector<FoundCache>& caches) {
  std::vector<Found> all;
  if (command.what.empty() && session.config.systems.empty() && !caches.empty()) return all;
  for (const backup::System& system : TRY(find_systems(session, {command.what, {}, {}, {}}))) {
    for (const backup::DatabaseSpec& spec : system.databases) {
      const std::string doing = "look for leftovers of " + spec.name;
      const database::Kind* kind = TRY_DURING(doing, database::kind_of(spec.address.url));
      const std::vector<Leftover> left = TRY_DURING(doing, kind->leftovers(spec.address));
      for (const Leftover& leftover : left) {
        if (leftover.what == Leftover::What::kept && !command.old) continue;
        all.push_back({spec.name, kind, spec.address, leftover, false});
      }
    }
  }
  return all;
}

// In the state folder, and in the repository where one can be opened.
Result<std::vector<backup::SwitchJournal>> interrupted_switches(const Session& session) {
  const std::string folder = state_dir(session);
  if (repository_url(session)) {
    const auto reading = open_for_reading(session, false);
    if (reading) return backup::SwitchJournals(folder, reading->repository.get()).list();
    log(LogLevel::warning, "the repository is not asked for interrupted switches: {}",
        reading.error().message);
  }
  return backup::SwitchJournals(folder, nullptr).list();
}

// What an interrupted switch may need to be completed or undone is not left over.
Result<void> spare_switches(std::vector<Found>& all, const Session& session) {
  if (all.empty()) return {};
  const auto journals = TRY_DURING("clean up", interrupted_switches(session));
  for (const backup::SwitchJournal& journal : journals) {
    for (const backup::SwitchEntry& entry : journal.databases) {
      for (Found& found : all) {
        if (!database::same_place(found.address.url, entry.url)) continue;
        found.leftover.in_use = true;
        found.leftover.description += ", needed to complete or undo an interrupted switch";
      }
    }
  }
  return {};
}

Json json_of(const Found& found) {
  const bool staged = found.leftover.what == Leftover::What::staged;
  return {{"database", found.database},      {"what", staged ? "staged" : "kept"},
          {"name", found.leftover.name},     {"bytes", found.leftover.bytes},
          {"in_use", found.leftover.in_use}, {"removed", found.removed}};
}

Json json_of(const FoundCache& found) {
  return {{"repository", found.cache.repository.hex()},
          {"used", base::format_time(found.cache.used)},
          {"bytes", found.cache.bytes},
          {"removed", found.removed}};
}

void report(const std::vector<Found>& all, const std::vector<FoundCache>& caches,
            const Session& session, bool removing) {
  if (session.options.json) {
    Json leftovers = Json::array();
    Json unused = Json::array();
    for (const Found& found : all) leftovers.push_back(json_of(found));
    for (const FoundCache& found : caches) unused.push_back(json_of(found));
    print_json({{"type", "cleanup"}, {"leftovers", leftovers}, {"caches", unused}});
    return;
  }
  if (session.options.quiet) return;
  const bool nothing = all.empty() && caches.empty();
  if (nothing) print("nothing is left over\n");
  const auto say = [](bool removed, bool in_use, const std::string& what) {
    print(fmt::format("{}{}\n",
                      removed  ? "removed:   "
                      : in_use ? "in use:    "
                               : "left over: ",
                      what));
  };
  for (const Found& found : all) {
    say(found.removed, found.leftover.in_use, base::printable(found.leftover.description));
  }
  for (const FoundCache& found : caches) {
    say(found.removed, false,
        fmt::format("the cache of repository {}, {}, not used since {} UTC",
                    found.cache.repository.brief(), base::display_bytes(found.cache.bytes),
                    base::display_time(found.cache.used)));
  }
  if (!nothing && !removing) print("to remove what is not in use: the same with --yes\n");
}

}  // namespace

Result<int> run(const CleanupCommand& command, const Session& session) {
  std::vector<FoundCache> caches = find_caches(session);
  std::vector<Found> all = TRY(find_leftovers(command, session, caches));
  TRY(spare_switches(all, session));
  bool complete = true;
  for (Found& found : all) {
    if (!command.yes) break;
    if (found.leftover.in_use) {
      complete = false;
      continue;
    }
    TRY_DURING("clean up", found.kind->remove(found.address, found.leftover));
    found.removed = true;
  }
  for (FoundCache& found : caches) {
    if (!command.yes) break;
    remove_cache(session, found.cache.repository);
    found.removed = true;
  }
  report(all, caches, session, command.yes);
  return complete ? exit_done : exit_left_out;
}

}  // namespace stillpoint::cli
