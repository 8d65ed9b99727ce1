// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/table_choice.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

std::string shown(const QualifiedName& name) {
  return base::printable(display_qualified(name.schema, name.name));
}

bool has_rows(const Object& object) {
  return object.kind == "table" || object.kind == "partition" || object.kind == "partitioned table";
}

// "shop.orders", or "shop.orders.p2025": the last point outside of backquotes parts a partition.
Result<ChosenTable> parse_choice(const std::string& text) {
  ChosenTable chosen;
  std::vector<std::size_t> points;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '`') quoted = !quoted;
    if (text[at] == '.' && !quoted) points.push_back(at);
  }
  if (points.size() < 2) {
    chosen.from = TRY(parse_qualified(text));
    return chosen;
  }
  chosen.from = TRY(parse_qualified(text.substr(0, points[1])));
  const QualifiedName rest = TRY(parse_qualified("x." + text.substr(points[1] + 1)));
  chosen.partition = rest.name;
  return chosen;
}

Result<QualifiedName> place_for(const ChosenTable& chosen, const std::string& as,
                                const std::vector<Place>& places) {
  if (!as.empty()) return parse_qualified(as);
  const auto place = std::find_if(places.begin(), places.end(),
                                  [&](const Place& one) { return one.from == chosen.from.schema; });
  return QualifiedName{place == places.end() ? chosen.from.schema : place->to, chosen.from.name};
}

std::string another_name(const ChosenTable& chosen) {
  return fmt::format("give it another name: --table {}={}", chosen.shown(),
                     shown({chosen.as.schema, chosen.as.name + "_restored"}));
}

}  // namespace

std::string ChosenTable::folder() const {
  return "data/" + base::percent_encode(from.schema) + "/" + base::percent_encode(from.name) +
         (partition.empty() ? "" : "/" + base::percent_encode(partition));
}

std::string ChosenTable::shown() const {
  return mysql::shown(from) +
         (partition.empty() ? "" : "." + base::printable(display_name(partition)));
}

Result<std::vector<ChosenTable>> chosen_tables(const std::vector<TableChoice>& choices,
                                               const std::vector<Object>& objects,
                                               const std::vector<Place>& places) {
  std::vector<std::string> known;
  for (const Object& object : objects) {
    if (has_rows(object)) known.push_back(object.name);
  }
  std::set<std::string> goals;
  std::vector<ChosenTable> chosen;
  for (const TableChoice& choice : choices) {
    ChosenTable one = TRY(parse_choice(choice.table));
    one.as = TRY(place_for(one, choice.as, places));
    one.exchanged = !one.partition.empty() && choice.as.empty();
    const std::string name = display_qualified(one.from.schema, one.from.name) +
                             (one.partition.empty() ? "" : "." + display_name(one.partition));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = base::closest(name, known);
      return fail(Error{Errc::not_found,
                        fmt::format("the backup has no table {}", base::printable(name)),
                        near.empty() ? "stillpoint show lists its tables"
                                     : "did you mean " + base::printable(near) + "?"});
    }
    const std::string goal =
        display_qualified(one.as.schema, one.as.name) + "." + (one.exchanged ? one.partition : "");
    if (!goals.insert(goal).second) {
      return fail(Error{Errc::invalid, "two tables are to become " + shown(one.as),
                        "give one of them another name"});
    }
    chosen.push_back(std::move(one));
  }
  return chosen;
}

Result<void> check_choice(Connection& session, const ChosenTable& chosen) {
  const std::vector<Row> schema =
      TRY(session.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = " +
                        quote_text(chosen.as.schema)));
  if (schema.empty()) {
    return fail(Error{
        Errc::not_found, "there is no schema " + base::printable(display_name(chosen.as.schema)),
        "create it, or name another one: --table " + chosen.shown() + "=SCHEMA.TABLE"});
  }
  const std::vector<Row> table = TRY(session.query(
      "SELECT 1 FROM information_schema.tables WHERE table_schema = " +
      quote_text(chosen.as.schema) + " AND table_name = " + quote_text(chosen.as.name)));
  if (!chosen.exchanged) {
    if (table.empty()) return {};
    return fail(
        Error{Errc::already_exists, shown(chosen.as) + " exists already", another_name(chosen)});
  }
  const std::vector<Row> partition = TRY(session.query(
      "SELECT 1 FROM information_schema.partitions WHERE table_schema = " +
      quote_text(chosen.as.schema) + " AND table_name = " + quote_text(chosen.as.name) + " AND " +
      quote_text(chosen.partition) + " IN (partition_name, subpartition_name)"));
  if (partition.empty()) {
    return fail(Error{Errc::not_found,
                      fmt::format("{} has no partition {} to put it in", shown(chosen.as),
                                  base::printable(display_name(chosen.partition))),
                      another_name(chosen) + "; or make the partition"});
  }
  const std::vector<Row> rows =
      TRY(session.query("SELECT 1 FROM " + quote_qualified(chosen.as.schema, chosen.as.name) +
                        " PARTITION (" + quote_name(chosen.partition) + ") LIMIT 1"));
  if (rows.empty()) return {};
  return fail(Error{Errc::already_exists,
                    fmt::format("the partition {} of {} has rows",
                                base::printable(display_name(chosen.partition)), shown(chosen.as)),
                    fmt::format("move them away (ALTER TABLE {} EXCHANGE PARTITION {} WITH TABLE …)"
                                ", or {}",
                                quote_qualified(chosen.as.schema, chosen.as.name),
                                quote_name(chosen.partition), another_name(chosen))});
}

}  // namespace stillpoint::database::mysql
