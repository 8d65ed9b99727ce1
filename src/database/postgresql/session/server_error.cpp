// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/server_error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include <libpq-fe.h>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

struct Meaning {
  std::string_view state;  // or its first characters
  Errc code;
  std::string_view advice;
};

// The first that fits counts.
constexpr std::array<Meaning, 39> meanings = {{
    {"28P01", Errc::denied, "check the user and the password (URL, password file, .pgpass)"},
    {"28", Errc::denied, "check the user's name, and the server's pg_hba.conf"},
    {"42501", Errc::denied, "grant the missing right, or connect as another user"},
    {"25006", Errc::denied, "it takes no writes: is it a standby, or set to read-only?"},
    {"55P03", Errc::busy, "wait until the lock is free, or end the session that holds it"},
    {"55000", Errc::unavailable,
     "where a database takes no connections, an interrupted switch may have closed it: see "
     "stillpoint restore --resume"},
    {"55006", Errc::busy, "wait until it is not in use any more, or end the sessions that use it"},
    {"40P01", Errc::busy, "run the same command again"},
    {"57014", Errc::unavailable,
     "somebody cancelled it, or a timeout of the server did (statement_timeout)"},
    {"25P03", Errc::unavailable, "idle_in_transaction_session_timeout ended the session"},
    {"25P04", Errc::unavailable, "transaction_timeout of the server ended it"},
    {"57P05", Errc::unavailable, "idle_session_timeout of the server ended the session"},
    {"57P04", Errc::not_found, "the database was dropped"},
    {"57P", Errc::unavailable,
     "the server is starting, stopping, or ended the session: run the "
     "same command again"},
    {"08", Errc::unavailable, "run the same command again"},
    {"53100", Errc::no_space, "free some space on the server, and run the same command again"},
    {"53300", Errc::unavailable,
     "the server has no free connection: use fewer readers, or raise "
     "max_connections"},
    {"53200", Errc::unavailable,
     "where it is about locks, raise max_locks_per_transaction of the "
     "server; else free memory there"},
    {"53", Errc::unavailable, "the server lacks something it needs: free it and run it again"},
    {"54", Errc::unsupported, ""},
    {"58030", Errc::unavailable, "the server cannot use its files: see its log"},
    {"58", Errc::unavailable, "see the server's log"},
    {"3D000", Errc::not_found, "check the name of the database"},
    {"3F000", Errc::not_found, ""},
    {"42P01", Errc::not_found, ""},
    {"42704", Errc::not_found, ""},
    {"42883", Errc::not_found, ""},
    {"42703", Errc::not_found, ""},
    {"42P04", Errc::already_exists, ""},
    {"42P06", Errc::already_exists, ""},
    {"42P07", Errc::already_exists, ""},
    {"42710", Errc::already_exists, ""},
    {"42723", Errc::already_exists, ""},
    {"40", Errc::unavailable,
     "run the same command again; where it reads from a standby, "
     "hot_standby_feedback = on there, or a larger "
     "max_standby_streaming_delay, keeps the rows that are needed"},
    {"72000", Errc::unavailable, "the snapshot is too old: old_snapshot_threshold is set there"},
    {"XX001", Errc::corrupt, "the server's files are damaged: see its log, and restore a backup"},
    {"XX002", Errc::corrupt, "an index is damaged: see the server's log, and REINDEX it"},
    {"0A", Errc::unsupported, ""},
    {"", Errc::invalid, ""},
}};

// Classes whose texts quote values: bad data, broken constraints.
bool quotes_data(std::string_view state) {
  return state.starts_with("22") || state.starts_with("23");
}

bool is_state(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

// 'invalid input syntax for type integer: "12x"' up to the colon.
std::string without_value(std::string_view text) {
  const std::size_t value = text.find(": \"");
  return std::string(text.substr(0, value));
}

std::string field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

// Cuts "28P01: password …" into both.
std::optional<std::string> take_state(std::string& line) {
  for (std::size_t at = line.find(":  "); at != std::string::npos; at = line.find(":  ", at + 1)) {
    const std::string state = line.substr(at + 3, 5);
    if (is_state(state) && line.compare(at + 8, 2, ": ") == 0) {
      line.erase(at + 2, 8);
      return state;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const std::string& line : base::split(text, '\n')) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    if (!out.empty()) out += "; ";
    out += line.substr(begin);
  }
  return out;
}

Error error_of_state(std::string_view state, std::string message) {
  const auto* meaning = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& one) {
    return state.starts_with(one.state);
  });
  return Error{meaning->code, std::move(message), std::string(meaning->advice)};
}

Error error_of_result(const pg_result* result) {
  const std::string state = field(result, PG_DIAG_SQLSTATE);
  std::string message = one_line(field(result, PG_DIAG_MESSAGE_PRIMARY));
  if (message.empty()) message = one_line(PQresultErrorMessage(result));
  const std::string detail = one_line(field(result, PG_DIAG_MESSAGE_DETAIL));
  if (quotes_data(state)) {
    message = without_value(message);
    // "COPY accounts, line 7, column balance" says where, not what.
    const std::string where = field(result, PG_DIAG_CONTEXT);
    if (where.starts_with("COPY ")) message += " (" + without_value(one_line(where)) + ")";
  } else if (!detail.empty()) {
    message += " (" + detail + ")";
  }
  if (!state.empty()) message += " [" + state + "]";
  return error_of_state(state, std::move(message));
}

Error error_of_connecting(std::string_view text) {
  std::string message;
  std::string state;
  for (std::string& line : base::split(text, '\n')) {
    if (line.starts_with("LOCATION:")) continue;
    if (const auto found = take_state(line)) state = *found;
    message += line + "\n";
  }
  message = one_line(message);
  if (!state.empty()) return error_of_state(state, message + " [" + state + "]");
  const auto says = [&](std::string_view words) {
    return message.find(words) != std::string::npos;
  };
  if (says("no password supplied")) {
    return error_of_state("28P01", std::move(message));
  }
  if (says("certificate") || says("SSL was required") || says("does not support SSL")) {
    return Error{Errc::denied, std::move(message),
                 "check sslmode and sslrootcert of the URL, and the server's certificate"};
  }
  if (says("service file") || says("definition of service")) {
    return Error{Errc::not_found, std::move(message), "check the service's name and PGSERVICEFILE"};
  }
  if (says("invalid ")) return Error{Errc::invalid, std::move(message), "correct the URL"};
  return Error{Errc::unavailable, std::move(message),
               "check that the server runs and accepts connections there"};
}

Error error_of_loss(std::string_view text) {
  std::string message = one_line(text.substr(0, text.find('\n')));
  if (message.empty()) message = "the connection is lost";
  return Error{Errc::unavailable, std::move(message),
               "see the server's log for why, and run the same command again"};
}

}  // namespace stillpoint::database::postgresql
