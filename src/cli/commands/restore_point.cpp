// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "backup/restore_point_job.h"
#include "backup/window_copies.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"
#include "cli/window.h"

namespace stillpoint::cli {
namespace {

using backup::DatabaseEntry;
using backup::HeldWindow;
using backup::RestorePointOutcome;

constexpr const char* zone_folder = "/usr/share/zoneinfo/";

// Before anything else is done: what is wrong with it should not be told after the pause.
Result<void> choose_time_zone(const std::string& zone) {
  std::error_code ignored;
  const bool known = zone.find("..") == std::string::npos && !zone.starts_with('/') &&
                     std::filesystem::is_regular_file(zone_folder + zone, ignored);
  if (!known && zone != "Etc/UTC") {
    return fail(Error{Errc::not_found, "there is no time zone " + base::printable(zone),
                      "name it like Asia/Tokyo; the package tzdata has them"});
  }
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
  return {};
}

// As scalar-admin-for-kubernetes writes it: "2026-11-21T17:30:00.123", in the chosen zone.
std::string local_date_time(base::Time time) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts = {};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text = {};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}", text.data(), milliseconds % 1000);
}

// "orders=https://…", or the URL alone, whose host is the name then.
backup::EndpointSpec endpoint_of(const std::string& word) {
  const std::size_t scheme = word.find("://");
  const std::size_t equals = word.find('=');
  if (equals != std::string::npos && equals < scheme) {
    return {word.substr(0, equals), word.substr(equals + 1)};
  }
  const std::string rest = scheme == std::string::npos ? word : word.substr(scheme + 3);
  return {rest.substr(0, rest.find_first_of(":/?#")), word};
}

Result<backup::RestorePointRequest> request_of(const RestorePointCommand& command,
                                               const Session& session) {
  backup::RestorePointRequest request;
  if (command.target.any()) request.services = TRY(services_of(command.target));
  request.system = command.system;
  request.label = command.label;
  if (!command.what.empty()) {
    const std::vector<backup::System> systems =
        TRY(find_systems(session, {command.what, {}, {}, layer::Unreadable::listed}));
    if (request.system.empty() && systems.size() == 1) request.system = systems[0].name;
    for (const backup::System& system : systems) {
      for (const auto& spec : system.databases) request.databases.push_back(spec);
      for (const auto& one : system.elsewhere) request.elsewhere.push_back(one);
      if (command.target.any()) continue;
      for (const auto& service : system.window.services) request.services.push_back(service);
    }
  }
  if (request.services.empty()) request.services = TRY(services_of(command.target));  // says why
  if (request.system.empty()) request.system = "restore-points";
  for (const std::string& word : command.clocks) request.endpoints.push_back(endpoint_of(word));
  request.endpoints_ca = command.clock_ca;
  request.pause = TRY(pause_options(session));
  request.pause.drain_max = std::chrono::milliseconds(command.drain_max_ms);
  request.pause.let_go_max = seconds_of(command.timeout_seconds);
  if (command.hold_seconds >= 0) request.hold = seconds_of(command.hold_seconds);
  return request;
}

// The manifest's own words, and those of scalar-admin-for-kubernetes on top.
Json json_of(const RestorePointOutcome& outcome, const std::string& zone) {
  const Json manifest = Json::parse(backup::encode_manifest(outcome.manifest), nullptr, false);
  const window::PauseEvidence& pause = outcome.manifest.window->pause;
  Json databases = Json::array();
  for (const Json& one : manifest["databases"]) {
    databases.push_back({{"name", one["name"]},
                         {"kind", one["kind"]},
                         {"url", one["url"]},
                         {"restore_point", one["restore_point"]}});
  }
  return {{"type", "restore_point"},
          {"backup", outcome.record ? outcome.record->id.hex() : ""},
          {"system", outcome.manifest.system},
          {"label", outcome.manifest.label},
          {"verdict", manifest["verdict"]},
          {"pause_start_timestamp_ms", manifest["window"]["pause_start_timestamp_ms"]},
          {"pause_end_timestamp_ms", manifest["window"]["pause_end_timestamp_ms"]},
          {"pause_start_date_time", local_date_time(pause.begin)},
          {"pause_end_date_time", local_date_time(pause.end)},
          {"timezone", zone},
          {"window", manifest["window"]},
          {"databases", databases},
          {"evidence", manifest["evidence"]},
          {"warnings", outcome.warnings}};
}

std::string text_of(const RestorePointOutcome& outcome) {
  const backup::Manifest& m = outcome.manifest;
  const HeldWindow& window = *m.window;
  std::string text =
      fmt::format("restore point of {}: {}{}\n  paused from {} to {}, {} instances\n", m.system,
                  backup::name_of(m.verdict),
                  outcome.record ? ", kept as backup " + outcome.record->id.brief() : ", not kept",
                  base::format_time(window.pause.begin), base::format_time(window.pause.end),
                  window.pause.instances.size());
  for (const DatabaseEntry& entry : m.databases) {
    text += "  " + entry.name + ":";
    if (!entry.point.position.empty()) text += " " + entry.point.position;
    if (entry.clock && entry.clock->restore) {
      text += fmt::format("{} {} by its clock", entry.point.position.empty() ? "" : "; or",
                          base::format_time(entry.clock->restore->time));
    }
    text += "\n";
  }
  const bool by_time = std::any_of(m.evidence.begin(), m.evidence.end(),
                                   [](const auto& one) { return one.kind == "not_examined"; });
  if (by_time) {
    const auto left = (window.pause.end - window.pause.begin - std::chrono::seconds(1)) / 2;
    text += fmt::format("  the middle: {}, good for clocks that differ from ours by {} at most\n",
                        base::format_time(window.middle()),
                        base::display_duration(std::max(
                            std::chrono::duration_cast<base::Duration>(left), base::Duration())));
  }
  return text;
}

}  // namespace

Result<int> run(const RestorePointCommand& command, const Session& session) {
  TRY(choose_time_zone(command.time_zone));
  backup::RestorePointRequest request = TRY(request_of(command, session));
  std::unique_ptr<repository::Repository> repository;
  std::optional<backup::WindowCopies> copies;
  if (!command.print_only) {
    repository = TRY(open_cached_repository(session));
    TRY(let_go_by_repository(session, *repository));
    request.pause.copies = &copies.emplace(*repository);
  }
  std::optional<RestorePointOutcome> outcome;
  TRY(run_job(session, "restore point of " + request.system,
              [&](job::Job::Context& context) -> Result<void> {
                outcome = TRY(backup::take_restore_point(request, repository.get(), context));
                return {};
              }));
  if (session.options.json) {
    print_json(json_of(*outcome, command.time_zone));
  } else if (!session.options.quiet) {
    print(text_of(*outcome));
  }
  return exit_done;
}

}  // namespace stillpoint::cli
