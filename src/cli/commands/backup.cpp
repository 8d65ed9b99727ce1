// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "backup/backup_job.h"
#include "backup/window_copies.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"
#include "cli/window.h"

namespace stillpoint::cli {
namespace {

using backup::BackupOutcome;
using backup::DatabaseEntry;

// How long others stood still: asked to let go; by the gate's last try, or the pause.
std::optional<base::Duration> stood_still(const backup::Manifest& m) {
  if (!m.gate.empty()) return m.gate.back().waited + m.gate.back().held;
  if (m.window) {
    return std::chrono::duration_cast<base::Duration>(m.window->pause.let_go -
                                                      m.window->pause.asked);
  }
  return std::nullopt;
}

Json window_json(const backup::Manifest& m) {
  const auto time = stood_still(m);
  if (!time) return nullptr;
  return {{"kind", m.window ? "pause" : "gate"},
          {"tries", std::max<std::size_t>(m.gate.size(), 1)},
          {"held_us", std::chrono::duration_cast<std::chrono::microseconds>(*time).count()}};
}

Json json_of(const BackupOutcome& outcome, std::chrono::steady_clock::duration took) {
  Json databases = Json::array();
  for (const DatabaseEntry& entry : outcome.manifest.databases) {
    const std::uint64_t tables = entry.tables();
    const std::uint64_t rows = entry.rows();
    databases.push_back({{"name", entry.name},
                         {"bytes", entry.bytes()},
                         {"tables", tables},
                         {"rows", rows},
                         {"open_us", entry.open_time.count()}});
  }
  return {{"type", "summary"},
          {"backup", outcome.record.id.hex()},
          {"system", outcome.manifest.system},
          {"label", outcome.manifest.label},
          {"verdict", backup::name_of(outcome.manifest.verdict)},
          {"consistency", backup::name_of(outcome.manifest.consistency)},
          {"layer", outcome.manifest.layer},
          {"branch", backup::name_of(outcome.manifest.branch)},
          {"window", window_json(outcome.manifest)},
          {"databases", databases},
          {"left_out", backup::left_out(outcome.manifest)},
          {"bytes_read", outcome.bytes_read},
          {"bytes_new", outcome.bytes_new},
          {"bytes_stored", outcome.bytes_stored},
          {"chunks", outcome.chunks},
          {"chunks_new", outcome.chunks_new},
          {"seconds", std::chrono::duration<double>(took).count()}};
}

std::string text_of(const BackupOutcome& outcome, std::chrono::steady_clock::duration took) {
  const backup::Manifest& m = outcome.manifest;
  const bool separate = m.branch == backup::Branch::no_layer_separate;
  std::string text =
      fmt::format("backup {} of {}: {}{}\n", outcome.record.id.brief(), m.system,
                  backup::name_of(m.verdict), separate ? ", each database for itself" : "");
  for (const DatabaseEntry& entry : m.databases) {
    const std::uint64_t tables = entry.tables();
    const std::uint64_t rows = entry.rows();
    text += fmt::format("  {}: {}, {} row{} in {} table{}, snapshot opened in {}\n", entry.name,
                        base::display_bytes(entry.bytes()), base::display_count(rows),
                        rows == 1 ? "" : "s", tables, tables == 1 ? "" : "s",
                        base::display_duration(entry.open_time));
  }
  if (const auto time = stood_still(m); time) {
    text += fmt::format("  {} for {}, from asking to letting go\n",
                        m.window ? "applications were paused" : "commits were held",
                        base::display_duration(*time));
  }
  for (const std::string& what : backup::left_out(m)) text += "  LEFT OUT: " + what + "\n";
  const double seconds = std::max(std::chrono::duration<double>(took).count(), 1e-3);
  const auto rate = static_cast<double>(outcome.bytes_read) / seconds;
  text += fmt::format(
      "  read {}, new {}, stored {} in {} ({}/s)\n", base::display_bytes(outcome.bytes_read),
      base::display_bytes(outcome.bytes_new), base::display_bytes(outcome.bytes_stored),
      base::display_duration(took), base::display_bytes(static_cast<std::uint64_t>(rate)));
  return text;
}

Result<backup::BackupOptions> options_of(const BackupCommand& command, const Config& config) {
  backup::BackupOptions options;
  options.label = command.label;
  options.allow_unproven = command.allow_unproven;
  options.read = read_options(command.reading);
  options.bytes_per_second = command.bytes_per_second;
  const std::string compression =
      !command.compression.empty() ? command.compression : config.compression;
  if (!compression.empty()) {
    options.write.compression = TRY(repository::compression_named(compression));
  }
  const int mib = command.pack_mib != 0 ? command.pack_mib : config.pack_mib;
  if (mib != 0) options.write.pack_bytes = static_cast<std::size_t>(mib) << 20;
  return options;
}

}  // namespace

Result<int> run(const BackupCommand& command, const Session& session) {
  const auto systems =
      TRY(find_systems(session, {command.what, command.properties, command.window, {}}));
  backup::BackupOptions options = TRY(options_of(command, session.config));
  const auto repository = TRY(open_cached_repository(session));
  backup::WindowCopies copies(*repository);
  const bool may_pause =
      std::any_of(systems.begin(), systems.end(),
                  [](const backup::System& system) { return !system.window.services.empty(); });
  if (may_pause) {
    options.pause = TRY(pause_options(session));
    options.pause.copies = &copies;
  }
  if (const auto let_go = let_go_by_repository(session, *repository); !let_go) {
    log(LogLevel::warning, "{} ({})", let_go.error().message, let_go.error().advice);
  }
  std::optional<Error> first_failure;
  bool complete = true;
  // One system's failure does not keep the others from being backed up.
  for (const backup::System& system : systems) {
    const auto begin = std::chrono::steady_clock::now();
    std::optional<BackupOutcome> outcome;
    const auto done =
        run_job(session, "back up " + system.name, [&](job::Job::Context& context) -> Result<void> {
          outcome = TRY(backup::take_backup(system, *repository, options, context));
          return {};
        });
    if (!done) {
      if (systems.size() == 1 || done.error().code == Errc::cancelled) {
        return fail(Error(done.error()));
      }
      print_error(done.error(), session.options.json);
      if (!first_failure) first_failure = done.error();
      continue;
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    complete = complete && backup::left_out(outcome->manifest).empty();
    if (session.options.json) {
      print_json(json_of(*outcome, took));
    } else if (!session.options.quiet) {
      print(text_of(*outcome, took));
    }
  }
  if (first_failure) return exit_code_of(first_failure->code);
  return complete ? exit_done : exit_left_out;
}

}  // namespace stillpoint::cli
