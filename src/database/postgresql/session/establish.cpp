// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/establish.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include "base/text.h"
#include "database/postgresql/session/server_error.h"

namespace stillpoint::database::postgresql {
namespace {

struct OptionsFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::string value_of(pg_conn* connection, std::string_view keyword) {
  const std::unique_ptr<PQconninfoOption, OptionsFree> options(PQconninfo(connection));
  if (!options) return {};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (keyword == option->keyword && option->val != nullptr) return option->val;
  }
  return {};
}

// What is set, of those that libpq marks as secret, or of the others.
Keywords options_of(const pg_conn* connection, bool secret) {
  auto* mutable_connection = const_cast<pg_conn*>(connection);  // libpq reads it only
  const std::unique_ptr<PQconninfoOption, OptionsFree> options(PQconninfo(mutable_connection));
  Keywords keywords;
  if (!options) return keywords;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const bool marked = option->dispchar != nullptr && option->dispchar[0] == '*';
    if (marked != secret || option->val == nullptr || option->val[0] == '\0') continue;
    keywords.emplace_back(option->keyword, option->val);
  }
  return keywords;
}

// libpq gives up a host only where the operating system does: the ones after the host that it is
// trying now, as keywords; none where it is the last.
Keywords hosts_after_current(pg_conn* connection) {
  const auto hosts = base::split(value_of(connection, "host"), ',');
  const auto ports = base::split(value_of(connection, "port"), ',');
  const std::string current = PQhost(connection);
  const std::string current_port = PQport(connection);
  const auto port_of = [&](std::size_t i) { return i < ports.size() ? ports[i] : ports.back(); };
  for (std::size_t i = 0; i + 1 < hosts.size(); ++i) {
    if (hosts[i] != current || port_of(i) != current_port) continue;
    std::vector<std::string> next_hosts;
    std::vector<std::string> next_ports;
    for (std::size_t next = i + 1; next < hosts.size(); ++next) {
      next_hosts.push_back(hosts[next]);
      next_ports.push_back(port_of(next));
    }
    return {{"host", base::join(next_hosts, ",")}, {"port", base::join(next_ports, ",")}};
  }
  return {};
}

void start(Session& session, const Keywords& keywords) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  session.handle.reset(PQconnectStartParams(names.data(), values.data(), 1));
  if (!session.handle) return;
  PQsetErrorVerbosity(session.handle.get(), PQERRORS_VERBOSE);
  PQsetNoticeProcessor(session.handle.get(), [](void*, const char*) {}, nullptr);
}

Error connecting_error(pg_conn* connection) {
  Error error = error_of_connecting(PQerrorMessage(connection));
  // Whatever libpq quotes: never the password.
  const char* password = PQpass(connection);
  const std::string secret = password == nullptr ? "" : password;
  if (secret.size() >= 4) {
    for (std::size_t at = 0; (at = error.message.find(secret)) != std::string::npos;) {
      error.message.replace(at, secret.size(), "***");
    }
  }
  return error;
}

// The time that one host gets: the URL's connect_timeout, or ours.
base::Duration host_time(pg_conn* connection, base::Duration time_max) {
  const int seconds = std::atoi(value_of(connection, "connect_timeout").c_str());
  return seconds > 0 ? base::Duration(std::chrono::seconds(seconds)) : time_max;
}

// One attempt; `busy` when a host does not answer in time.
Result<void> follow(Session& session, base::Duration time_max) {
  const auto place = [&] {
    return fmt::format("{}:{}", PQhost(session.handle.get()), PQport(session.handle.get()));
  };
  if (PQstatus(session.handle.get()) == CONNECTION_BAD) {
    return fail(connecting_error(session.handle.get()));
  }
  std::string current = place();
  session.deadline = base::Deadline(host_time(session.handle.get(), time_max));
  for (short events = POLLOUT;;) {
    TRY(session.wait(events));
    const auto status = PQconnectPoll(session.handle.get());
    if (status == PGRES_POLLING_OK) return {};
    if (status == PGRES_POLLING_FAILED) return fail(connecting_error(session.handle.get()));
    events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (place() == current) continue;
    current = place();
    session.deadline = base::Deadline(host_time(session.handle.get(), time_max));
  }
}

}  // namespace

Keywords keywords_of(const pg_conn* connection) {
  // Several hosts, and how to choose among them, are replaced by the one that was chosen.
  const std::vector<std::string_view> left_out = {"service",
                                                  "servicefile",
                                                  "host",
                                                  "hostaddr",
                                                  "port",
                                                  "passfile",
                                                  "target_session_attrs",
                                                  "load_balance_hosts",
                                                  "client_encoding",
                                                  "replication",
                                                  "connect_timeout",
                                                  "fallback_application_name"};
  Keywords keywords;
  for (auto& [name, value] : options_of(connection, false)) {
    if (std::find(left_out.begin(), left_out.end(), name) != left_out.end()) continue;
    keywords.emplace_back(name, std::move(value));
  }
  keywords.emplace_back("host", PQhost(connection));
  keywords.emplace_back("port", PQport(connection));
  const std::string address = PQhostaddr(connection);
  if (!address.empty()) keywords.emplace_back("hostaddr", address);
  return keywords;
}

Keywords secrets_of(const pg_conn* connection) {
  Keywords secrets = options_of(connection, true);
  std::erase_if(secrets, [](const auto& secret) { return secret.first == "password"; });
  return secrets;
}

Result<void> establish(Session& session, Keywords keywords, base::Duration time_max) {
  for (;;) {
    TRY(session.interrupted());
    start(session, keywords);
    if (!session.handle) return fail(Errc::unavailable, "out of memory");
    Result<void> connected = follow(session, time_max);
    session.deadline.reset();
    if (connected) break;
    if (connected.error().code != Errc::busy) return connected;
    const Keywords next = hosts_after_current(session.handle.get());
    if (next.empty()) {
      return fail(Error{Errc::unavailable,
                        fmt::format("{}, port {}, does not answer", PQhost(session.handle.get()),
                                    PQport(session.handle.get())),
                        "check that the server runs and can be reached from here"});
    }
    keywords.insert(keywords.end(), next.begin(), next.end());
  }
  PQsetErrorVerbosity(session.handle.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(session.handle.get(), 1) != 0) return fail(session.lost());
  const char* encoding = PQparameterStatus(session.handle.get(), "server_encoding");
  session.encoding = encoding == nullptr ? "UTF8" : encoding;
  return {};
}

std::string settings_sql(int server_version, const std::string& server_encoding) {
  const std::string encoding = server_encoding == "SQL_ASCII" ? "SQL_ASCII" : "UTF8";
  std::string sql = "SET client_encoding = '" + encoding + "';";
  sql +=
      "SET statement_timeout = 0; SET lock_timeout = 0;"
      "SET idle_in_transaction_session_timeout = 0;"
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';"
      "SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C';"
      "SET xmloption = 'content'; SET array_nulls = on; SET standard_conforming_strings = on;"
      "SET quote_all_identifiers = off; SET search_path = ''; SET row_security = off;"
      "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0; SET jit = off;"
      "SET client_min_messages = 'warning';"
      "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10;"
      "SET tcp_keepalives_count = 3;";
  if (server_version >= 140000) sql += "SET idle_session_timeout = 0;";
  if (server_version >= 170000) sql += "SET transaction_timeout = 0;";
  return sql;
}

}  // namespace stillpoint::database::postgresql
