// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/switch.h"

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "database/postgresql/target/staging_mark.h"

namespace stillpoint::database::postgresql {
namespace {

// Sessions that have just ended are there for a moment yet.
constexpr std::chrono::seconds users_time{1};
constexpr std::chrono::seconds find_out_time{60};
constexpr std::chrono::milliseconds step{50};

constexpr const char* in_use_state = "55006";
constexpr const char* lock_state = "55P03";

Error used(Maintenance& server, const std::string& name, const std::vector<std::string>& users) {
  return {Errc::busy,
          fmt::format("{} is used by {}", server.described(name),
                      users.empty() ? "sessions that are gone now" : base::join(users, ", ")),
          "end them, and run the same command again; or cut them with --force"};
}

// Ends sessions as they come, while this lives.
class Cutter {
 public:
  explicit Cutter(Maintenance& server)
      : thread_([this, &server](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            outcome_ = server.end_sessions(server.target());
            if (!outcome_) return;
            std::this_thread::sleep_for(step);
          }
        }) {}
  Result<void> end() {
    thread_.request_stop();
    thread_.join();
    return outcome_;
  }

 private:
  Result<void> outcome_;
  std::jthread thread_;
};

}  // namespace

Result<std::string> free_kept_name(Maintenance& server) {
  for (base::Time time = base::now();; time += std::chrono::seconds(1)) {
    std::string name = kept_name(server.target(), time);
    if (!TRY(server.find(name))) return name;
  }
}

// A prepared transaction belongs to nobody's session: only who prepared it knows what to do.
Result<void> refuse_prepared(Maintenance& server, const std::string& name) {
  const auto users = TRY(server.users_of(name));
  for (const std::string& user : users) {
    if (!user.starts_with("the prepared transaction")) continue;
    return fail(Error{
        Errc::busy, fmt::format("{} cannot be renamed: there is {}", server.described(name), user),
        "COMMIT PREPARED or ROLLBACK PREPARED it, and run the same command again"});
  }
  return {};
}

Result<void> refuse_users(Maintenance& server, const std::string& name) {
  TRY(refuse_prepared(server, name));
  for (const base::Deadline deadline(users_time);;) {
    const auto users = TRY(server.users_of(name));
    if (users.empty()) return {};
    if (deadline.passed()) return fail(used(server, name, users));
    std::this_thread::sleep_for(step);
  }
}

Result<void> make_lasting(Connection& session) {
  if (TRY(session.value("SHOW synchronous_commit")) != "off") return {};
  return session.execute("SET synchronous_commit = local");
}

Result<void> begin_switch(Connection& session) {
  TRY(session.execute("SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'"));
  TRY(make_lasting(session));
  return session.execute("BEGIN");
}

Result<std::unique_ptr<Switch>> Switch::fence(Maintenance& server, bool force) {
  std::unique_ptr<Switch> made(new Switch(TRY(server.again())));
  const auto old = TRY(server.find(server.target()));
  if (old) {
    TRY(force ? refuse_prepared(server, server.target()) : refuse_users(server, server.target()));
    made->old_settings_ = TRY(read_database_settings(server.session(), server.target()));
    made->kept_ = TRY(free_kept_name(server));
  }
  TRY(begin_switch(made->session_));
  if (old) TRY(made->rename_old(server, force));
  return made;
}

Result<void> Switch::rename_old(Maintenance& server, bool force) {
  const std::string statement =
      "ALTER DATABASE " + quote_name(server.target()) + " RENAME TO " + quote_name(kept_);
  Result<void> renamed;
  if (force) {
    // From the moment on that the server has locked its name, no new ones come.
    Cutter cutter(server);
    renamed = session_.execute(statement);
    TRY_DURING("end the sessions in " + server.described(server.target()), cutter.end());
  } else {
    renamed = session_.execute(statement);
  }
  if (renamed) return {};
  const std::string& state = session_.last_state();
  if (state != in_use_state && state != lock_state) {
    return fail(std::move(renamed.error()).during("rename " + server.described(server.target())));
  }
  return fail(used(server, server.target(), TRY(server.users_of(server.target()))));
}

Result<std::string> Switch::swap(Maintenance& server, const FoundDatabase& staged,
                                 const DatabaseSettings& settings) {
  const std::string& target = server.target();
  TRY_DURING("rename " + server.described(staged.name),
             session_.execute("ALTER DATABASE " + quote_name(staged.name) + " RENAME TO " +
                              quote_name(target)));
  // It was closed where it had been handed over to be switched together with others.
  TRY(session_.execute("ALTER DATABASE " + quote_name(target) + " ALLOW_CONNECTIONS true"));
  for (const std::string& statement : settings_statements(settings, target)) {
    TRY_DURING("take over the settings of " + server.described(target),
               session_.execute(statement));
  }
  TRY(commit_switch(server, session_, {target, staged.oid}, kept_));
  return kept_;
}

// A cut connection leaves open whether the server has committed: it is asked, never guessed.
Result<void> commit_switch(Maintenance& server, Connection& session, const FoundDatabase& in_place,
                           const std::string& kept) {
  const int process = session.server_process();
  const Result<void> committed = session.execute("COMMIT");
  if (committed) return {};
  if (!session.last_state().empty() && session.usable()) return fail(committed.error());
  for (const base::Deadline deadline(find_out_time); !deadline.passed();) {
    auto other = server.again();
    if (!other) {
      std::this_thread::sleep_for(step);
      continue;
    }
    const auto found = other->row(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int AND"
        " application_name = $2), (SELECT oid FROM pg_database WHERE datname = $3::name)",
        {std::to_string(process), std::string(restorer_name), in_place.name});
    if (found && found->number(0) == 0) {
      if (found->number(1) == in_place.oid) return {};
      return fail(Error{committed.error().code,
                        "the switch was not made: " + committed.error().message,
                        "nothing was changed: run the same command again"});
    }
    std::this_thread::sleep_for(step);
  }
  return fail(Error{
      Errc::unavailable,
      fmt::format("the connection was lost in the moment of the switch, and the server does not "
                  "tell whether it was made: {}",
                  committed.error().message),
      kept.empty() ? fmt::format("look on the server: if the database {} is there, it was made",
                                 quote_name(in_place.name))
                   : fmt::format("look on the server: if the database {} is there, it was made",
                                 quote_name(kept))});
}

}  // namespace stillpoint::database::postgresql
