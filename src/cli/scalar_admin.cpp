// SPDX-License-Identifier: Apache-2.0
#include "cli/scalar_admin.h"

#include <algorithm>
#include <ctime>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/window.h"
#include "window/parallel.h"

namespace stillpoint::cli {
namespace {

constexpr std::chrono::seconds call_max{30};

struct Options {
  std::string command = {};
  PauseTarget target = {};
  std::string srv = {};
  bool no_wait = false;
  std::optional<std::int64_t> drain_max_ms = {};
};

// As log4j prints it: "2026-11-21 10:06:06,657 INFO com.scalar.admin.AdminCommand [main] text".
void print_line(const std::string& text, base::Time time, const char* level = "INFO") {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::system_clock::duration>(time));
  std::tm local = {};
  ::localtime_r(&seconds, &local);
  const auto fraction = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()) %
                        std::chrono::seconds(1);
  print(
      fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03} {} com.scalar.admin.AdminCommand "
                  "[main] {}\n",
                  local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour,
                  local.tm_min, local.tm_sec, fraction.count(), level, text));
  std::fflush(stdout);
}

std::string instant(base::Time time) {
  return fmt::format(
      "{} UTC ({})", base::format_time(time),
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

// A PEM in one argument: "\n" stands for the ends of its lines.
std::string with_newlines(std::string pem) {
  for (std::size_t at = 0; (at = pem.find("\\n", at)) != std::string::npos;)
    pem.replace(at, 2, "\n");
  return pem;
}

Result<void> pause(const Options& options, const std::vector<window::Service>& services,
                   const Session& session) {
  window::PauseOptions how = TRY(pause_options(session));
  how.drain = !options.no_wait;
  if (options.drain_max_ms && how.drain) {
    if (*options.drain_max_ms < 1 || *options.drain_max_ms > 86'400'000) {
      return fail(Error{Errc::invalid, "--max-pause-wait-time is out of range",
                        "give milliseconds from 1 to 86400000"});
    }
    how.drain_max = std::chrono::milliseconds(*options.drain_max_ms);
  }
  how.accept_paused = true;  // as the Java tool: pausing twice is no failure
  const auto pause = TRY(window::Pause::begin(services, how, session.stop));
  TRY(pause->leave_paused());
  const base::Time time = pause->evidence().begin;
  print_line("Pause completed at " + instant(time), time);
  return {};
}

Result<void> unpause(const std::vector<window::Service>& services, const Session& session) {
  const Instances instances = TRY(find_instances(services, call_max, session));
  const base::Time now = base::now();
  print_line("Unpause started at " + instant(now), now);
  TRY(unpause_all(instances, call_max, session));
  return {};
}

// An object whose values are texts, as the Java tool prints it.
Result<void> show(const std::vector<window::Service>& services, const Session& session,
                  bool statistics) {
  const Instances instances = TRY(find_instances(services, call_max, session));
  std::vector<std::optional<Result<std::string>>> answers(instances.size());
  window::all_at_once(instances.size(), [&](std::size_t i) {
    if (statistics) {
      answers[i] = instances[i]->stats(call_max, session.stop);
      return;
    }
    const Result<window::Gate> gate = window::first_check(*instances[i], call_max, session.stop);
    answers[i] = gate
                     ? Result<std::string>(*gate == window::Gate::closed ? "\"true\"" : "\"false\"")
                     : Result<std::string>(fail(Error(gate.error())));
    if (gate && *gate == window::Gate::unknown) {
      answers[i] = fail(Errc::unsupported, "{} cannot tell whether it is paused",
                        to_text(instances[i]->endpoint()));
    }
  });
  std::vector<std::string> members;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    if (!*answers[i]) return fail(std::move(answers[i]->error()));
    members.push_back(fmt::format("    \"{}\": {}", net::to_text(instances[i]->endpoint().address),
                                  base::printable(**answers[i])));
  }
  print_line("{\n" + base::join(members, ",\n") + "\n}", base::now());
  return {};
}

Result<void> run_command(const Options& options, const Session& session) {
  PauseTarget target = options.target;
  if (target.addresses.empty() == options.srv.empty()) {
    return fail(Error{Errc::invalid,
                      "It's required to specify only either [--srv-service-url, -s] or "
                      "[--addresses, -a].",
                      "give one of them"});
  }
  if (!options.srv.empty()) {
    target.srv = {options.srv};
    print_line(
        "--srv-service-url, -s will be deprecated in the future. We recommend using --addresses, "
        "-a instead.",
        base::now(), "WARN");
  }
  target.ca_pem = with_newlines(target.ca_pem);
  if (!target.tls) target.ca_path = target.ca_pem = target.authority = {};
  const std::vector<window::Service> services = TRY(services_of(target));
  if (options.command == "PAUSE") return pause(options, services, session);
  if (options.command == "UNPAUSE") return unpause(services, session);
  return show(services, session, options.command == "STATS");
}

}  // namespace

bool is_scalar_admin(char** argv) {
  return argv[0] != nullptr && std::filesystem::path(argv[0]).filename() == "scalar-admin";
}

int run_scalar_admin(int argc, char** argv) {
  Options options;
  std::int64_t drain_max = 0;
  CLI::App app("Execute an admin command for applications that implement scalar admin interface.",
               "scalar-admin");
  app.add_option("-c,--command", options.command, "A command to execute.")
      ->required()
      ->transform([](const std::string& word) { return upper(word); })
      ->check(CLI::IsMember({"PAUSE", "UNPAUSE", "CHECK_PAUSED", "STATS"}));
  app.add_option("-s,--srv-service-url", options.srv, "A service URL of SRV record.");
  app.add_option("-a,--addresses", options.target.addresses,
                 "A list of {ip}:{port} separated by comma.")
      ->allow_extra_args(false)
      ->delimiter(',');
  app.add_flag("-n,--no-wait", options.no_wait,
               "A flag to specify if PAUSE command waits for termination of outstanding requests.");
  bool wait = true;
  app.add_flag("-w,--wait-outstanding", wait, "As version 1.0 had to be told to wait; we do so.")
      ->excludes("--no-wait");
  auto* time = app.add_option("-m,--max-pause-wait-time", drain_max,
                              "A max pause wait time in milliseconds.");
  app.add_flag("--tls", options.target.tls, "Whether wire encryption (TLS) is enabled.");
  app.add_option("--ca-root-cert-path", options.target.ca_path,
                 "A path to a root certificate file.");
  app.add_option("--ca-root-cert-pem", options.target.ca_pem,
                 "A PEM format string of a root certificate.");
  app.add_option("--override-authority", options.target.authority,
                 "The value to be used as the expected authority in the server's certificate.");
  // Both spell "-c pause"; the Java tool also takes "-c=pause".
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    const std::string word = argv[i];
    const bool joined = word.size() > 2 && word[0] == '-' && word[1] != '-' && word[2] == '=';
    if (joined) words.push_back(word.substr(3));
    words.push_back(joined ? word.substr(0, 2) : word);
  }
  try {
    app.parse(words);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_done : exit_usage;
  }
  if (time->count() > 0) options.drain_max_ms = drain_max;
  const Interrupt interrupt;
  const Session session{{}, {}, interrupt.token()};
  let_go_leftovers(session, Command());
  const Result<void> done = run_command(options, session);
  if (!done) print_error(done.error(), false);
  return done ? exit_done : exit_failed;
}

}  // namespace stillpoint::cli
