// SPDX-License-Identifier: Apache-2.0
#include "cli/window.h"

#include <csignal>
#include <filesystem>

#include <syslog.h>

#include "backup/window_copies.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/exit_code.h"

namespace stillpoint::cli {
namespace {

// How long a guard goes on trying, and how long the start of another command is held up at most.
constexpr std::chrono::minutes guard_tries{10};
constexpr std::chrono::seconds start_tries{5};

}  // namespace

base::Duration seconds_of(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

Result<std::vector<window::Service>> services_of(const PauseTarget& target) {
  window::Service common;
  common.tls.on = target.tls;
  common.tls.authority = target.authority;
  common.tls.ca_pem = target.ca_pem;
  if (!target.tls && !(target.ca_path + target.ca_pem).empty()) {
    return fail(Error{Errc::invalid, "certificates were given, but not --tls", "add --tls"});
  }
  if (common.tls.ca_pem.empty() && !target.ca_path.empty()) {
    const Bytes pem =
        TRY_DURING("certificates", base::read_file(target.ca_path, limits::config_bytes_max));
    common.tls.ca_pem = base::text_of(pem);
  }
  if (!target.dns_server.empty()) {
    common.dns.server = TRY_DURING("--dns-server", net::parse_host_port(target.dns_server));
  }
  std::vector<window::Service> services;
  for (const std::string& name : target.srv) {
    window::Service service = common;
    service.srv = name;
    services.push_back(std::move(service));
  }
  if (!target.addresses.empty()) {
    window::Service service = common;
    for (const std::string& address : target.addresses) {
      service.addresses.push_back(TRY(net::parse_host_port(address)));
    }
    services.push_back(std::move(service));
  }
  if (!services.empty()) return services;
  return fail(Error{Errc::invalid, "no instances were named",
                    "name them: --srv NAME, or --addresses HOST:PORT,HOST:PORT"});
}

Result<Instances> find_instances(const std::vector<window::Service>& services, base::Duration time,
                                 const Session& session) {
  Instances instances;
  for (const window::Service& service : services) {
    const auto endpoints = TRY(find_endpoints(service, base::Deadline(time), session.stop));
    for (const auto& one : endpoints) instances.push_back(TRY(make_instance(one, service.tls)));
  }
  return instances;
}

Result<std::vector<window::Endpoint>> unpause_all(const Instances& instances, base::Duration time,
                                                  const Session& session) {
  std::vector<window::Held> held;
  std::vector<window::Endpoint> free;
  for (const auto& one : instances) {
    held.push_back({one.get(), window::Ours::paused});
    free.push_back(one->endpoint());
  }
  const std::vector<window::StillHeld> left = let_go(held, time, nullptr);
  for (const auto& one : left) std::erase(free, one.endpoint);
  window::note_let_go(journal_folder(session), free);
  if (!left.empty()) return fail(window::still_held_error(left, {}));
  return free;
}

std::string journal_folder(const Session& session) {
  return state_dir(session) + "/windows";
}

Result<window::PauseOptions> pause_options(const Session& session) {
  TRY_DURING("state folder", base::make_directories(state_dir(session)));
  window::PauseOptions options;
  options.journals = std::filesystem::absolute(journal_folder(session));
  options.guarded = true;
  return options;
}

void let_go_leftovers(const Session& session, const Command& command) {
  const auto* admin = std::get_if<AdminCommand>(&command);
  if (admin != nullptr && admin->journal) return;  // does it itself
  for (const window::Recovered& one : window::recover_all(journal_folder(session), start_tries)) {
    if (!one.outcome) {
      log(LogLevel::warning, "journal of a window {}: {}", one.path.string(),
          one.outcome.error().message);
    } else if (!one.outcome->left.empty()) {
      const Error error = window::still_held_error(one.outcome->left, one.path.string());
      log(LogLevel::warning, "{} ({})", error.message, error.advice);
    } else if (!one.outcome->record.services.empty()) {
      log(LogLevel::warning, "unpaused what a run that was killed had left paused ({} of {})",
          one.outcome->record.pid, base::format_time(one.outcome->record.begun));
    }
  }
}

Result<void> let_go_by_repository(const Session& session,
                                  const repository::Repository& repository) {
  std::vector<window::StillHeld> left;
  const std::vector<window::Recovery> all =
      TRY(backup::recover_window_copies(repository, journal_folder(session), start_tries));
  for (const window::Recovery& one : all) {
    log(LogLevel::warning, "a run on {} was lost while it held others ({})",
        base::printable(one.record.host), base::format_time(one.record.begun));
    left.insert(left.end(), one.left.begin(), one.left.end());
  }
  if (left.empty()) return {};
  return fail(window::still_held_error(left, {}));
}

// Nobody reads what it prints: what matters goes to the system's log.
int run_guard(const std::vector<std::string>& words) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  const Result<void> done = window::stand_guard(words, guard_tries);
  if (done) return exit_done;
  ::openlog("stillpoint", LOG_PID, LOG_DAEMON);
  ::syslog(LOG_ERR, "%s", done.error().message.c_str());
  return exit_code_of(done.error().code);
}

}  // namespace stillpoint::cli
