// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/location.h"

#include <algorithm>
#include <array>
#include <memory>

#include <libpq-fe.h>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view example = "postgresql://user@host:5432/database?sslmode=verify-full";

// The pieces of a URI, cut where libpq cuts them. Each keeps the mark it begins or ends with.
struct Pieces {
  std::string_view scheme;      // "postgresql://"
  std::string_view user;        // "user:password@"
  std::string_view hosts;       // "host:5432,other"
  std::string_view database;    // "/name"
  std::string_view parameters;  // "?name=value&…"
};

Pieces cut(std::string_view url) {
  Pieces pieces;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return pieces;
  pieces.scheme = url.substr(0, scheme + 3);
  std::string_view rest = url.substr(scheme + 3);
  const std::size_t mark = rest.find_first_of("@/");
  if (mark != std::string_view::npos && rest[mark] == '@') {
    pieces.user = rest.substr(0, mark + 1);
    rest.remove_prefix(mark + 1);
  }
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    pieces.parameters = rest.substr(question);
    rest = rest.substr(0, question);
  }
  // A host in brackets has colons of its own, no slash.
  const std::size_t slash = rest.find('/');
  pieces.hosts = rest.substr(0, slash);
  if (slash != std::string_view::npos) pieces.database = rest.substr(slash);
  return pieces;
}

std::string decoded(std::string_view text) {
  return base::percent_decode(text).value_or(std::string());
}

bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 5> secrets = {
      "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"};
  return std::find(secrets.begin(), secrets.end(), name) != secrets.end();
}

struct OptionsFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, OptionsFree>;

// libpq quotes what it cannot read: that may be a part of a password.
std::string without_quoted(std::string_view message) {
  const std::size_t first = message.find('"');
  const std::size_t last = message.rfind('"');
  std::string text(message.substr(0, first));
  if (first != std::string_view::npos) text += "…" + std::string(message.substr(last + 1));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Error unreadable(std::string why) {
  return Error{Errc::invalid, "read the database's URL: " + std::move(why),
               "write it as " + std::string(example) +
                   "; in a user's name or a password, / is %2F, @ is %40, : is %3A and % is %25"};
}

}  // namespace

Result<void> check_url(std::string_view url) {
  const Pieces pieces = cut(url);
  if (pieces.scheme != "postgresql://" && pieces.scheme != "postgres://") {
    return fail(unreadable("it does not begin with postgresql:// or postgres://"));
  }
  const std::string text(url);
  char* message = nullptr;
  const Options options(PQconninfoParse(text.c_str(), &message));
  if (!options) {
    const std::string why = message == nullptr ? "out of memory" : without_quoted(message);
    PQfreemem(message);
    return fail(unreadable(why));
  }
  if (pieces.hosts.find('@') != std::string_view::npos ||
      pieces.database.find('@') != std::string_view::npos) {
    return fail(unreadable("there is an @ where none can be: perhaps in a password"));
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) != "port" || option->val == nullptr) continue;
    const std::string_view ports = option->val;
    if (ports.find_first_not_of("0123456789,") != std::string_view::npos) {
      return fail(unreadable("the port is no number: perhaps a password has a : or / in it"));
    }
  }
  return {};
}

std::string shown_url(std::string_view url) {
  const std::string_view scheme = url.substr(0, url.find(':'));
  if (!check_url(url)) return scheme == "postgres" ? "postgres:" : "postgresql:";
  const Pieces pieces = cut(url);
  std::string shown(pieces.scheme);
  shown += pieces.user.substr(0, pieces.user.find_first_of(":@"));
  if (!pieces.user.empty() && pieces.user.front() != ':' && pieces.user.front() != '@')
    shown += '@';
  shown += pieces.hosts;
  shown += pieces.database;
  std::vector<std::string> kept;
  if (!pieces.parameters.empty()) {
    for (const std::string& parameter : base::split(pieces.parameters.substr(1), '&')) {
      if (parameter.empty()) continue;
      if (!is_secret(decoded(parameter.substr(0, parameter.find('='))))) kept.push_back(parameter);
    }
  }
  if (!kept.empty()) shown += "?" + base::join(kept, "&");
  return shown;
}

std::string database_of(std::string_view url) {
  const std::string text(url);
  const Options options(PQconninfoParse(text.c_str(), nullptr));
  if (!options) return {};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "dbname" && option->val != nullptr) return option->val;
  }
  return {};
}

std::string with_database(std::string_view url, std::string_view database) {
  const Pieces pieces = cut(url);
  std::string changed(pieces.scheme);
  changed += pieces.user;
  changed += pieces.hosts;
  changed += "/" + base::percent_encode(database);
  // A parameter of that name would win over the path.
  std::vector<std::string> kept;
  if (!pieces.parameters.empty()) {
    for (const std::string& parameter : base::split(pieces.parameters.substr(1), '&')) {
      if (decoded(parameter.substr(0, parameter.find('='))) != "dbname") kept.push_back(parameter);
    }
  }
  if (!kept.empty()) changed += "?" + base::join(kept, "&");
  return changed;
}

}  // namespace stillpoint::database::postgresql
