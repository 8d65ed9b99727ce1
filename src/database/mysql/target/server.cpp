// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/server.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(quote_text(name));
  return "(" + base::join(quoted, ", ") + ")";
}

std::string shown(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const std::string& name : names) all.push_back(base::printable(display_name(name)));
  return base::join(all, ", ");
}

}  // namespace

RestoreServer::RestoreServer(Connection session, ServerIdentity identity)
    : session_(std::move(session)), identity_(std::move(identity)) {
  const Location& to = session_.location();
  place_ = to.socket.empty() ? fmt::format("{}:{}", to.host, to.port) : to.socket;
}

Result<RestoreServer> RestoreServer::connect(const Address& address, const std::stop_token& stop) {
  Connection session = TRY(Connection::connect(address, {.stop = stop}));
  ServerIdentity identity = TRY(identify_server(session));
  return RestoreServer(std::move(session), std::move(identity));
}

std::string RestoreServer::described(const std::string& schema) const {
  return "schema " + base::printable(display_name(schema)) + " on " + place_;
}

Result<std::vector<RestoreServer::Found>> RestoreServer::schemas(
    const std::vector<std::string>& named) {
  std::vector<Found> found;
  if (named.empty()) return found;
  const std::vector<Row> rows = TRY(session_.query(
      "SELECT s.schema_name, COALESCE(SUM(t.data_length + t.index_length), 0), COUNT(t.table_name)"
      " FROM information_schema.schemata s LEFT JOIN information_schema.tables t"
      " ON t.table_schema = s.schema_name WHERE s.schema_name IN " +
      list_of(named) + " GROUP BY s.schema_name ORDER BY s.schema_name"));
  for (const Row& row : rows) found.push_back({row.text(0), row.count(1), row.count(2)});
  return found;
}

Result<void> RestoreServer::check(const Content& content) {
  if (identity_.read_only) {
    return fail(
        Error{Errc::denied,
              "the server is read-only" + std::string(identity_.replica ? ": it is a replica" : ""),
              identity_.replica ? "restore to its primary"
                                : "on the server, run SET GLOBAL read_only = 0"});
  }
  if (TRY(session_.value("SELECT @@GLOBAL.local_infile")) != "1") {
    return fail(Error{Errc::denied, "the server takes no LOAD DATA LOCAL: local_infile is off",
                      "on the server, run SET GLOBAL local_infile = 1, at least until the restore "
                      "is done"});
  }
  return check_room(content.bytes);
}

// Only where the server's disk is ours to see: it tells nothing itself.
Result<void> RestoreServer::check_room(std::uint64_t bytes) {
  if (session_.location().socket.empty()) return {};
  const std::string folder = TRY(session_.value("SELECT @@datadir"));
  struct statvfs disk = {};
  if (::statvfs(folder.c_str(), &disk) != 0) return {};
  const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (room >= bytes) return {};
  return fail(Error{Errc::no_space,
                    fmt::format("the server's disk has room for {}, and the backup is {}",
                                base::display_bytes(room), base::display_bytes(bytes)),
                    "free some space, or restore to another server with --to"});
}

Result<std::vector<std::string>> schemas_of(const Content& content) {
  std::vector<std::string> names;
  for (const Object& object : content.objects) {
    if (object.kind != "schema") continue;
    std::string_view rest = object.name;
    while (!rest.empty()) {
      // A name with odd characters stands in backquotes, and so does every comma in a name.
      std::size_t end = 0;
      for (bool quoted = false; end < rest.size() && (quoted || rest[end] != ','); ++end) {
        if (rest[end] == '`') quoted = !quoted;
      }
      const QualifiedName name = TRY(parse_qualified(std::string(rest.substr(0, end)) + ".x"));
      names.push_back(name.schema);
      rest.remove_prefix(std::min(end + 2, rest.size()));
    }
  }
  if (names.empty()) return fail(Errc::corrupt, "the backup names no schema");
  return names;
}

Result<std::vector<Place>> places_of(const Location& location, const Content& content) {
  std::vector<std::string> from = TRY(schemas_of(content));
  std::sort(from.begin(), from.end());
  std::vector<std::string> to = location.schemas;
  const bool same = to.empty() || to == from;
  if (!same && (from.size() != 1 || to.size() != 1)) {
    return fail(
        Error{Errc::invalid,
              "the backup holds the schemas " + shown(from) + ", and the URL names " + shown(to),
              "name no schema in the URL, or the same; with suffix=_new in the URL, each "
              "goes to one with that at the end of its name"});
  }
  if (same) to = from;
  std::vector<Place> places;
  for (std::size_t i = 0; i < from.size(); ++i) {
    places.push_back({from[i], to[i] + location.suffix, {}, {}});
  }
  return places;
}

Result<void> check_references(Connection& session, const std::vector<Place>& places) {
  std::vector<std::string> ours;
  for (const Place& place : places) ours.push_back(place.to);
  const std::vector<Row> rows = TRY(session.query(
      "SELECT constraint_schema, table_name, constraint_name FROM"
      " information_schema.referential_constraints WHERE unique_constraint_schema IN " +
      list_of(ours) + " AND constraint_schema NOT IN " + list_of(ours) + " ORDER BY 1, 2, 3"));
  std::vector<std::string> keys;
  std::vector<std::string> statements;
  for (const Row& row : rows) {
    // What an earlier restore keeps refers to what it keeps with it.
    const bool of_kept = std::any_of(places.begin(), places.end(), [&](const Place& place) {
      return is_kept_name(row.text(0), place.to) || !token_of(row.text(0)).empty();
    });
    if (of_kept) continue;
    keys.push_back(display_qualified(row.text(0), row.text(1)) + " (" + row.text(2) + ")");
    statements.push_back("ALTER TABLE " + quote_qualified(row.text(0), row.text(1)) +
                         " DROP FOREIGN KEY " + quote_name(row.text(2)) + ";");
  }
  if (keys.empty()) return {};
  return fail(Error{
      Errc::unsupported,
      "tables of other schemas refer to those that would be replaced: " + base::join(keys, ", "),
      "run " + base::join(statements, " ") + " and make these keys again afterwards"});
}

}  // namespace stillpoint::database::mysql
