// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/jdbc_url.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr const char* how_to_name_it =
    "name it as Stillpoint does, in stillpoint.yaml: databases: of this system";

using Parameters = std::map<std::string, std::string>;

// "//host:port/database?name=value&…" in its pieces; the parameters are decoded.
struct Pieces {
  std::string host = {};
  std::string port = {};
  std::string database = {};
  Parameters parameters = {};
};

Result<std::string> decode(std::string_view text) {
  auto plain = base::percent_decode(text);
  if (plain) return plain;
  return fail(Errc::invalid, "the JDBC URL has a % that is not followed by two hex digits");
}

Result<Parameters> parameters_of(std::string_view query) {
  Parameters all;
  for (const std::string& one : base::split(query, '&')) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos) continue;
    all[one.substr(0, equals)] = TRY(decode(std::string_view(one).substr(equals + 1)));
  }
  return all;
}

tl::unexpected<Error> several_servers() {
  return fail(Error{Errc::unsupported,
                    "the JDBC URL names several servers: the one that takes the writes has to be "
                    "backed up",
                    how_to_name_it});
}

Result<Pieces> pieces_of(std::string_view rest) {
  Pieces pieces;
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    pieces.parameters = TRY(parameters_of(rest.substr(question + 1)));
    rest = rest.substr(0, question);
  }
  if (!rest.starts_with("//")) {  // jdbc:postgresql:bank
    pieces.database = TRY(decode(rest == "/" ? std::string_view() : rest));
    return pieces;
  }
  rest.remove_prefix(2);
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) pieces.database = TRY(decode(rest.substr(slash + 1)));
  std::string_view server = rest.substr(0, slash);
  if (server.find_first_of(",()") != std::string_view::npos) return several_servers();
  if (server.find('@') != std::string_view::npos) {  // MySQL's alone
    return fail(
        Error{Errc::unsupported, "the JDBC URL has a user before its host", how_to_name_it});
  }
  const std::size_t bracket = server.find(']');
  const std::size_t colon = server.find(':', bracket == std::string_view::npos ? 0 : bracket);
  pieces.host = server.substr(0, colon);
  if (colon != std::string_view::npos) pieces.port = server.substr(colon + 1);
  if (!std::all_of(pieces.port.begin(), pieces.port.end(),
                   [](char c) { return c >= '0' && c <= '9'; })) {
    return fail(Errc::invalid, "the port of the JDBC URL is no number");
  }
  return pieces;
}

std::string value_or(const Parameters& parameters, const std::string& name, std::string fallback) {
  const auto at = parameters.find(name);
  if (at == parameters.end()) return fallback;
  return at->second;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

// "app:secret@db1:5432/"
std::string authority_of(const Pieces& pieces, const std::string& user,
                         const std::string& password) {
  const std::string who = value_or(pieces.parameters, "user", user);
  const std::string secret = value_or(pieces.parameters, "password", password);
  std::string text = base::percent_encode(who);
  if (!secret.empty()) text += ":" + base::percent_encode(secret);
  if (!text.empty()) text += "@";
  text += pieces.host.empty() ? "localhost" : pieces.host;
  if (!pieces.port.empty()) text += ":" + pieces.port;
  return text + "/";
}

class Query {
 public:
  void add(std::string_view name, const std::string& value) {
    text_ += text_.empty() ? "?" : "&";
    text_ += std::string(name) + "=" + base::percent_encode(value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string postgresql_url(const Pieces& pieces, const std::string& user,
                           const std::string& password) {
  Query query;
  // "ssl" alone and "ssl=true" stand for verify-full there.
  const std::string ssl = lower(value_or(pieces.parameters, "ssl", "false"));
  const std::string mode =
      value_or(pieces.parameters, "sslmode", ssl == "true" ? "verify-full" : "");
  if (!mode.empty()) query.add("sslmode", mode);
  // Its client keys are in a form of Java's own, and are not taken over.
  for (const char* name : {"sslrootcert", "options"}) {
    const std::string value = value_or(pieces.parameters, name, "");
    if (!value.empty()) query.add(name, value);
  }
  return "postgresql://" + authority_of(pieces, user, password) +
         base::percent_encode(pieces.database) + query.text();
}

// Of MySQL's driver (sslMode=VERIFY_IDENTITY, and useSSL, requireSSL before) and of MariaDB's
// (sslMode=verify-full).
std::string mysql_tls_mode(const Parameters& parameters) {
  std::string mode = lower(value_or(parameters, "sslMode", ""));
  std::replace(mode.begin(), mode.end(), '-', '_');
  if (mode == "disabled" || mode == "disable") return "disabled";
  if (mode == "required" || mode == "trust") return "required";
  if (mode.starts_with("verify")) return "verify_identity";
  if (mode == "preferred") return "preferred";
  if (lower(value_or(parameters, "useSSL", "")) == "false") return "disabled";
  if (lower(value_or(parameters, "requireSSL", "")) == "true") return "required";
  return {};
}

std::string mysql_url(const Pieces& pieces, const std::string& user, const std::string& password) {
  Query query;
  const std::string mode = mysql_tls_mode(pieces.parameters);
  if (!mode.empty()) query.add("ssl-mode", mode);
  const std::string certificate = value_or(pieces.parameters, "serverSslCert", "");
  if (!certificate.empty()) query.add("ssl-ca", certificate);
  return "mysql://" + authority_of(pieces, user, password) + query.text();
}

Result<std::string> sqlite_url(std::string_view rest) {
  std::string path(rest.substr(0, rest.find('?')));
  if (path.starts_with("file:")) {  // then it is a URI to SQLite: file:/srv/a%20b.db
    path = TRY(decode(std::string_view(path).substr(5)));
    if (path.starts_with("//")) path.erase(0, std::min(path.find('/', 2), path.size()));
  }
  if (path.empty() || path.starts_with(":")) {
    return fail(Error{Errc::unsupported, "the JDBC URL names no file: SQLite is in memory there",
                      "only databases in files can be backed up"});
  }
  return "sqlite:" + std::string(path.starts_with('/') ? "//" : "") + path;
}

// "postgresql" and what follows.
std::optional<std::pair<std::string_view, std::string_view>> scheme_and_rest(
    std::string_view jdbc) {
  constexpr std::string_view prefix = "jdbc:";
  const std::size_t colon = jdbc.find(':', prefix.size());
  if (!jdbc.starts_with(prefix) || colon == std::string_view::npos) return std::nullopt;
  return std::pair(jdbc.substr(prefix.size(), colon - prefix.size()), jdbc.substr(colon + 1));
}

std::string file_identity(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) return path;
  const auto same = std::filesystem::weakly_canonical(absolute, error);
  return error ? path : same.string();
}

// Of "user:password@host:port/database?parameters".
std::string server_identity(const std::string& kind, std::string rest) {
  rest = rest.substr(0, rest.find('?'));
  const std::size_t at = rest.find('@');
  const std::string user = at == std::string::npos ? "" : rest.substr(0, rest.find_first_of(":@"));
  if (at != std::string::npos) rest.erase(0, at + 1);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string server = lower(rest.substr(0, slash));
  std::string database = rest.substr(std::min(slash + 1, rest.size()));
  const std::size_t bracket = server.find(']');  // of an IPv6 address
  if (server.find(':', bracket == std::string::npos ? 0 : bracket) == std::string::npos) {
    server += kind == "postgresql" ? ":5432" : ":3306";
  }
  if (kind == "postgresql" && database.empty()) database = user;  // so the server takes it
  return server + "/" + database;
}

}  // namespace

Result<std::string> url_of_jdbc(std::string_view jdbc, const std::string& user,
                                const std::string& password) {
  const auto parts = scheme_and_rest(jdbc);
  if (!parts) {
    return fail(Error{Errc::invalid, "the contact point is no JDBC URL",
                      "it has to be like jdbc:postgresql://db1:5432/bank"});
  }
  const auto [scheme, rest] = *parts;
  if (scheme == "sqlite") return sqlite_url(rest);
  if (scheme == "postgresql") return postgresql_url(TRY(pieces_of(rest)), user, password);
  if (scheme == "mysql" || scheme == "mariadb") {
    if (!rest.starts_with("//")) return several_servers();  // jdbc:mysql:replication://…
    return mysql_url(TRY(pieces_of(rest)), user, password);
  }
  if (const auto product = other_product(jdbc)) {
    return fail(Error{Errc::unsupported, "its storage is " + *product + ", which is not known here",
                      "hold the applications still while its own tool backs it up: stillpoint hold "
                      "... -- COMMAND"});
  }
  return fail(Error{Errc::invalid,
                    "the JDBC URL is of an unknown product: jdbc:" + base::printable(scheme) + ":",
                    how_to_name_it});
}

std::optional<std::string> other_product(std::string_view jdbc) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> known = {{
      {"oracle", "Oracle Database"},
      {"sqlserver", "SQL Server"},
      {"yugabytedb", "YugabyteDB"},
      {"db2", "Db2"},
      {"cloudspanner", "Cloud Spanner"},
      {"spanner", "Cloud Spanner"},
  }};
  const auto parts = scheme_and_rest(jdbc);
  for (const auto& [scheme, product] : known) {
    if (parts && parts->first == scheme) return std::string(product);
  }
  return std::nullopt;
}

std::string identity_of_url(const std::string& url) {
  const std::size_t colon = std::min(url.find(':'), url.size() - 1);
  const std::string kind = url.substr(0, colon);
  std::string rest = url.substr(colon + 1);
  if (rest.starts_with("//")) rest.erase(0, 2);
  return kind + ":" + (kind == "sqlite" ? file_identity(rest) : server_identity(kind, rest));
}

}  // namespace stillpoint::layer::scalardb
