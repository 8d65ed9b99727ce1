// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "backup/restore_job.h"
#include "backup/switch_job.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"

namespace stillpoint::cli {
namespace {

// "ns.t" or "ns.t=ns.t2"; an equals sign in a quoted name does not count.
Result<database::TableChoice> table_choice_of(const std::string& text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] != '=' || quoted) continue;
    if (i == 0 || i + 1 == text.size()) break;
    return database::TableChoice{text.substr(0, i), text.substr(i + 1)};
  }
  if (!text.empty() && text.front() != '=' && text.back() != '=') {
    return database::TableChoice{text, {}};
  }
  return fail(Error{Errc::invalid, "--table " + text + ": no table is named",
                    "write --table schema.table, or --table schema.table=schema.new_name"});
}

struct Destination {
  std::string database = {};  // empty: not said
  std::string url = {};
};

// Of "URL" or "DATABASE=URL"; an equals sign may be the URL's.
Destination destination_of(const std::string& to) {
  const std::size_t equals = to.find('=');
  const std::string front = to.substr(0, equals);
  const bool named = equals != std::string::npos && front.find('/') == std::string::npos &&
                     front.find(':') == std::string::npos;
  return named ? Destination{front, to.substr(equals + 1)} : Destination{{}, to};
}

// "URL" for a backup of one database, "DATABASE=URL" else.
Result<backup::RestoreRequest> request_of(const RestoreCommand& command,
                                          const backup::Manifest& manifest,
                                          const Session& session) {
  backup::RestoreRequest request;
  request.databases = command.databases;
  request.known = known_databases(session, command.properties);
  request.options.writers = command.jobs;
  request.options.force = command.force;
  request.options.resume = command.resume;
  request.options.in_place = command.in_place;
  request.options.no_owner = command.no_owner;
  request.alone = command.alone;
  for (const std::string& table : command.tables) {
    request.options.tables.push_back(TRY(table_choice_of(table)));
  }
  for (const std::string& to : command.to) {
    const Destination destination = destination_of(to);
    if (!destination.database.empty()) {
      request.to[destination.database] = destination.url;
      continue;
    }
    const auto& chosen = command.databases;
    if (chosen.size() != 1 && manifest.databases.size() != 1) {
      return fail(Error{Errc::invalid, "--to " + to + ": the backup holds several databases",
                        "say which: --to DATABASE=" + to});
    }
    request.to[chosen.size() == 1 ? chosen[0] : manifest.databases[0].name] = to;
  }
  return request;
}

std::string describe(const backup::RestorePlan& plan) {
  std::string text = fmt::format("restore backup {} of {} from {} UTC ({})\n",
                                 plan.backup.record.id.brief(), plan.backup.system,
                                 base::display_time(plan.manifest.created), plan.backup.verdict);
  for (const auto& planned : plan.databases) {
    text += fmt::format("  {} -> {}\n", planned.entry.name, base::printable(planned.url));
    const std::string there = base::printable(planned.existing.description);
    text += !planned.existing.exists ? "    nothing is there yet\n"
            : plan.replaces          ? "    REPLACES " + there + ", which is kept beside it\n"
                                     : "    adds to " + there + "\n";
    for (const std::string& user : planned.existing.used_by) text += "    open by " + user + "\n";
  }
  return text;
}

Result<void> confirm(const backup::RestorePlan& plan, bool yes) {
  bool replaces = false;
  for (const auto& planned : plan.databases) replaces |= plan.replaces && planned.existing.exists;
  if (!replaces || yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return fail(
        Error{Errc::invalid, "restore: it would replace what exists, and nobody is asked",
              "look at it with --dry-run, then give --yes; or restore elsewhere with --to"});
  }
  std::cerr << "replace it? Type yes: ";
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "yes") return {};
  return fail(Errc::cancelled, "restore: not confirmed; nothing was changed");
}

Json json_of(const backup::RestorePlan& plan, const std::string& type) {
  Json databases = Json::array();
  for (const auto& planned : plan.databases) {
    databases.push_back({{"name", planned.entry.name},
                         {"url", planned.url},
                         {"replaces", plan.replaces && planned.existing.exists},
                         {"existing", planned.existing.description},
                         {"used_by", planned.existing.used_by}});
  }
  return {{"type", type}, {"backup", plan.backup.record.id.hex()}, {"databases", databases}};
}

void report(const std::vector<backup::RestoredDatabase>& done, const Session& session,
            const std::string& id) {
  if (session.options.json) {
    Json databases = Json::array();
    for (const auto& one : done) {
      databases.push_back({{"name", one.name},
                           {"url", one.url},
                           {"kept", one.kept},
                           {"bytes", one.bytes},
                           {"rows", one.rows}});
    }
    print_json({{"type", "summary"}, {"backup", id}, {"databases", databases}});
    return;
  }
  if (session.options.quiet) return;
  for (const auto& one : done) {
    print(fmt::format("restored {} to {}: {}, {} rows, checked\n", one.name,
                      base::printable(one.url), base::display_bytes(one.bytes),
                      base::display_count(one.rows)));
    if (!one.kept.empty()) print("  the old one is kept as " + base::printable(one.kept) + "\n");
  }
}

backup::SwitchJournals journals_of(const Session& session, const Reading& reading) {
  return {state_dir(session), reading.repository.get()};
}

void report_finished(const backup::SwitchJournal& journal, const Session& session, bool undone,
                     const std::vector<backup::RestoredDatabase>& done) {
  if (session.options.json) {
    Json databases = Json::array();
    for (const auto& one : done) {
      databases.push_back({{"name", one.name}, {"url", one.url}, {"kept", one.kept}});
    }
    print_json({{"type", "switch"},
                {"backup", journal.backup},
                {"undone", undone},
                {"databases", databases}});
    return;
  }
  if (session.options.quiet) return;
  for (const auto& one : done) {
    print(fmt::format("{} {}\n", undone ? "as before:" : "restored: ", base::printable(one.url)));
    if (!one.kept.empty()) print("  the old one is kept as " + base::printable(one.kept) + "\n");
  }
}

// Completes or undoes every switch that was interrupted. The databases are let in by what the
// configuration knows, or by the URLs of --to, which may have a password.
Result<int> finish_switches(const RestoreCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, false));
  const backup::SwitchJournals journals = journals_of(session, reading);
  const auto all = TRY(journals.list());
  if (all.empty()) {
    return fail(Error{Errc::not_found, "restore: no switch of several databases was interrupted",
                      "to go on with what a killed restore has staged, name its backup: "
                      "stillpoint restore BACKUP --resume"});
  }
  backup::FinishRequest request{known_databases(session, command.properties), command.force,
                                command.undo};
  for (const std::string& to : command.to) {
    request.known.insert(request.known.begin(), {{}, {destination_of(to).url, {}, {}}, {}});
  }
  for (const backup::SwitchJournal& journal : all) {
    std::vector<backup::RestoredDatabase> done;
    TRY(run_job(session, "restore", [&](job::Job::Context& context) -> Result<void> {
      done = TRY(backup::finish_switch(journal, journals, request, context));
      return {};
    }));
    report_finished(journal, session, command.undo, done);
  }
  return exit_done;
}

}  // namespace

Result<int> run(const RestoreCommand& command, const Session& session) {
  if (command.undo || (command.resume && command.backup.empty())) {
    return finish_switches(command, session);
  }
  const Reading reading = TRY(open_for_reading(session, true));
  const auto backup = TRY(backup::find_backup(*reading.repository, command.backup, session.stop));
  const auto manifest = TRY(backup::load_manifest(*reading.repository, backup, session.stop));
  const auto request = TRY(request_of(command, manifest, session));
  backup::RestorePlan plan = TRY(backup::plan_restore(backup, manifest, request));
  if (command.dry_run) {
    if (session.options.json) {
      print_json(json_of(plan, "plan"));
    } else {
      print(describe(plan));
    }
    return exit_done;
  }
  if (!session.options.quiet) std::cerr << describe(plan);
  TRY(confirm(plan, command.yes));
  const backup::SwitchJournals journals = journals_of(session, reading);
  std::vector<backup::RestoredDatabase> done;
  TRY(run_job(session, "restore", [&](job::Job::Context& context) -> Result<void> {
    done = TRY(backup::restore(*reading.repository, plan, journals, context));
    return {};
  }));
  report(done, session, backup.record.id.hex());
  return exit_done;
}

}  // namespace stillpoint::cli
