// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/loading_target.h"

#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// A killed restore's sessions last until the server has noticed.
constexpr std::chrono::seconds dead_time{20};
constexpr std::chrono::milliseconds step{50};

// Those of `names` that a query for one of them does not know.
Result<std::vector<std::string>> missing(Connection& session, const std::set<std::string>& names,
                                         const std::string& sql) {
  std::vector<std::string> unknown;
  for (const std::string& name : names) {
    if (name.empty() || !TRY(session.query(sql, {name})).empty()) continue;
    unknown.push_back(base::printable(name));
  }
  return unknown;
}

}  // namespace

Result<void> LoadingTarget::connect(const std::stop_token& stop) {
  if (server_) {
    server_->session().obey(stop);
    // It may have been idle for hours, and cut meanwhile.
    const Result<void> alive = server_->session().execute("SELECT 1");
    if (alive || alive.error().code == Errc::cancelled) return alive;
  }
  server_.reset();
  server_.emplace(TRY(Maintenance::connect(address_, stop)));
  return {};
}

std::string LoadingTarget::doing() const {
  return "restore to " + (server_ ? server_->described(server_->target()) : "PostgreSQL");
}

Result<void> LoadingTarget::wait_for_dead(const FoundDatabase& database,
                                          const std::stop_token& stop) {
  for (const base::Deadline deadline(dead_time); TRY(server_->has_restorer(database));) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
    if (deadline.passed()) {
      return fail(Error{Errc::busy,
                        "another restore is at work in " + server_->described(database.name),
                        "wait for its end, or end it"});
    }
    std::this_thread::sleep_for(step);
  }
  return {};
}

Result<Existing> LoadingTarget::inspect() {
  TRY(connect());
  const std::string& name = server_->target();
  if (name == "template0" || name == "template1") {
    return fail(Error{Errc::invalid, doing() + ": new databases are made of it",
                      "restore to a database with another name"});
  }
  const auto found = TRY(server_->find(name));
  if (!found) return Existing{};
  Existing existing;
  existing.exists = true;
  existing.bytes = found->bytes;
  existing.description = fmt::format("{} ({}, PostgreSQL {})", server_->described(found->name),
                                     base::display_bytes(found->bytes), server_->version());
  existing.used_by = TRY(server_->users_of(found->name));
  return existing;
}

Result<std::unique_ptr<Target::StagedPart>> LoadingTarget::stage(const std::string& path,
                                                                 std::uint64_t bytes,
                                                                 std::stop_token stop) {
  if (!loader_) return fail(Errc::internal, "stage before prepare");
  return loader_->stage(path, bytes, stop);
}

Result<void> LoadingTarget::complete(std::stop_token stop) {
  if (!loader_) return fail(Errc::internal, "complete before prepare");
  TRY_DURING(doing(), loader_->complete(stop));
  return {};
}

Result<void> LoadingTarget::verify(std::stop_token stop) {
  if (!loader_) return fail(Errc::internal, "verify before prepare");
  TRY_DURING("check the restored database", loader_->verify(stop));
  return {};
}

Result<void> check_version(Maintenance& server, const Content& content) {
  for (const Setting& setting : content.settings) {
    if (setting.name != "server_version") continue;
    const int major = std::atoi(setting.value.c_str());
    const int here = server.session().server_version() / 10000;
    if (major <= here) continue;
    return fail(Error{Errc::unsupported,
                      fmt::format("the backup is of PostgreSQL {}, and {} is PostgreSQL {}", major,
                                  server.place(), here),
                      fmt::format("restore to a server of PostgreSQL {} or newer", major)});
  }
  return {};
}

Result<void> check_names(Maintenance& server, const BackupSchema& schema,
                         const DatabaseSettings& settings) {
  std::set<std::string> roles(schema.roles.begin(), schema.roles.end());
  roles.insert(settings.owner);
  const auto privileges = settings.privileges.value_or(std::vector<Privilege>());
  for (const Privilege& one : privileges) {
    roles.insert({one.grantee, one.grantor});
  }
  for (const auto& setting : settings.settings) roles.insert(setting.role);
  const auto no_roles =
      TRY(missing(server.session(), roles, "SELECT FROM pg_roles WHERE rolname = $1::name"));
  if (!no_roles.empty()) {
    return fail(Error{Errc::not_found,
                      "the server lacks roles that the backup names: " + base::join(no_roles, ", "),
                      "create them (schema/roles.sql in the backup says how), or restore with "
                      "--no-owner"});
  }
  const auto no_spaces = TRY(missing(server.session(), {settings.tablespace},
                                     "SELECT FROM pg_tablespace WHERE spcname = $1::name"));
  if (no_spaces.empty()) return {};
  return fail(Error{Errc::not_found, "the server lacks the tablespace " + no_spaces.front(),
                    "create it: schema/tablespaces.sql in the backup says how"});
}

}  // namespace stillpoint::database::postgresql
