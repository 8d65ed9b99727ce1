// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/privileges.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

// `a``b` off the front of `text`; or *, or a plain word.
std::string take_name(std::string_view& text) {
  std::string name;
  if (!text.starts_with('`')) {
    const std::size_t end = std::min(text.find_first_of(". "), text.size());
    name = text.substr(0, end);
    text.remove_prefix(end);
    return name;
  }
  std::size_t at = 1;
  for (; at < text.size(); ++at) {
    if (text[at] == '`' && (at + 1 >= text.size() || text[at + 1] != '`')) break;
    if (text[at] == '`') ++at;
    name += text[at];
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return name;
}

// A schema's name in GRANT is a pattern of LIKE: % and _, and \ before those that are meant.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '%') {
    for (std::size_t skip = 0; skip <= name.size(); ++skip) {
      if (matches(pattern.substr(1), name.substr(skip))) return true;
    }
    return false;
  }
  if (name.empty()) return false;
  const bool escaped = pattern[0] == '\\' && pattern.size() > 1;
  const char wanted = escaped ? pattern[1] : pattern[0];
  if ((escaped || wanted != '_') && wanted != name[0]) return false;
  return matches(pattern.substr(escaped ? 2 : 1), name.substr(1));
}

// How much of it is sure before the first mark that stands for others.
std::size_t exactness_of(std::string_view pattern) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
    } else if (pattern[at] == '%' || pattern[at] == '_') {
      return at;
    }
  }
  return std::string_view::npos;
}

std::string escaped(const std::string& schema) {
  std::string pattern;
  for (const char c : schema) {
    if (c == '_' || c == '%' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool covers(const std::set<std::string, std::less<>>& privileges, std::string_view wanted) {
  return privileges.contains("ALL PRIVILEGES") || privileges.contains(wanted);
}

}  // namespace

void Grants::add(std::string_view line) {
  constexpr std::string_view begin = "GRANT ";
  constexpr std::string_view on = " ON ";
  const std::size_t end = line.find(on);
  if (!line.starts_with(begin) || end == std::string_view::npos) return;  // of a role
  Grant grant;
  for (const std::string& one : base::split(line.substr(begin.size(), end - begin.size()), ',')) {
    const std::size_t first = one.find_first_not_of(' ');
    // SELECT (`a`, `b`) is not SELECT.
    if (first != std::string::npos && one.find('(') == std::string::npos) {
      grant.privileges.insert(one.substr(first));
    }
  }
  std::string_view rest = line.substr(end + on.size());
  for (const std::string_view kind : {"PROCEDURE ", "FUNCTION ", "PACKAGE "}) {
    if (rest.starts_with(kind)) return;
  }
  if (rest.starts_with("TABLE ")) rest.remove_prefix(6);
  grant.schema = take_name(rest);
  if (!rest.starts_with('.')) return;
  rest.remove_prefix(1);
  grant.table = take_name(rest);
  constexpr std::string_view to = " TO ";
  if (rest.starts_with(to)) rest.remove_prefix(to.size());
  grant.grantee = rest.substr(0, rest.find(' '));
  grants_.push_back(std::move(grant));
}

bool Grants::everywhere(std::string_view privilege) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return grant.schema == "*" && covers(grant.privileges, privilege);
  });
}

std::vector<const Grants::Grant*> Grants::most_exact(const std::string& schema) const {
  std::map<std::string_view, const Grant*> best;
  for (const Grant& grant : grants_) {
    if (grant.table != "*" || grant.schema == "*" || !matches(grant.schema, schema)) continue;
    const Grant*& known = best[grant.grantee];
    if (known == nullptr || exactness_of(grant.schema) > exactness_of(known->schema)) {
      known = &grant;
    }
  }
  std::vector<const Grant*> all;
  for (const auto& [grantee, grant] : best) all.push_back(grant);
  return all;
}

bool Grants::on_schema(std::string_view privilege, const std::string& schema) const {
  const std::vector<const Grant*> exact = most_exact(schema);
  return everywhere(privilege) || std::any_of(exact.begin(), exact.end(), [&](const Grant* grant) {
           return covers(grant->privileges, privilege);
         });
}

std::string Grants::pattern_for(const std::string& schema) const {
  const std::vector<const Grant*> exact = most_exact(schema);
  return exact.empty() ? escaped(schema) : exact.front()->schema;
}

bool Grants::on_table(std::string_view privilege, const std::string& schema,
                      const std::string& table) const {
  if (on_schema(privilege, schema)) return true;
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return grant.schema == schema && grant.table == table && covers(grant.privileges, privilege);
  });
}

Result<Grants> read_grants(Connection& session) {
  Grants grants;
  const std::vector<Row> rows = TRY_DURING("read the user's rights", session.query("SHOW GRANTS"));
  for (const Row& row : rows) grants.add(row.text(0));
  return grants;
}

Result<std::string> account_of(Connection& session) {
  const std::string account = TRY(session.value("SELECT CURRENT_USER()"));
  const std::size_t at = account.rfind('@');
  return quote_text(account.substr(0, at)) + "@" + quote_text(account.substr(at + 1));
}

Result<void> check_privileges(Connection& session, const ServerIdentity& identity,
                              const Grants& grants, const std::vector<std::string>& schemas,
                              bool with_users) {
  const std::string account = TRY_DURING("check the privileges", account_of(session));
  std::vector<std::string> statements;
  std::vector<std::string> what;
  const auto need = [&](const std::vector<std::string>& missing, const std::string& on,
                        const std::string& where) {
    if (missing.empty()) return;
    statements.push_back("GRANT " + base::join(missing, ", ") + " ON " + on + " TO " + account +
                         ";");
    what.push_back(base::join(missing, ", ") + where);
  };
  for (const std::string& schema : schemas) {
    std::vector<std::string> missing;
    for (const char* privilege : {"SELECT", "SHOW VIEW", "TRIGGER", "EVENT"}) {
      if (!grants.on_schema(privilege, schema)) missing.emplace_back(privilege);
    }
    need(missing, quote_name(grants.pattern_for(schema)) + ".*", " on " + display_name(schema));
  }
  // Bodies of routines are told to their definers, and to whom may read them all.
  const bool routines = identity.mariadb
                            ? grants.on_table("SELECT", "mysql", "proc")
                            : grants.everywhere("SHOW_ROUTINE") || grants.everywhere("SELECT");
  if (!routines && identity.mariadb) need({"SELECT"}, "`mysql`.`proc`", " on mysql.proc");
  if (!routines && !identity.mariadb) need({"SHOW_ROUTINE"}, "*.*", "");
  if (with_users && !grants.on_schema("SELECT", "mysql")) {
    need({"SELECT"}, "`mysql`.*", " on mysql (for the accounts)");
  }
  if (statements.empty()) return {};
  return fail(Error{Errc::denied, "user " + account + " lacks the right " + base::join(what, "; "),
                    "as an administrator, run: " + base::join(statements, " ")});
}

}  // namespace stillpoint::database::mysql
