// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/session/server_identity.h"

namespace stillpoint::database::mysql {

// What the user may do, as SHOW GRANTS says.
class Grants {
 public:
  // Reads one line of SHOW GRANTS.
  void add(std::string_view line);
  bool everywhere(std::string_view privilege) const;
  bool on_schema(std::string_view privilege, const std::string& schema) const;
  bool on_table(std::string_view privilege, const std::string& schema,
                const std::string& table) const;
  // The pattern of schemas' names to which another right on this schema has to be granted. Of
  // several that fit, a server looks at the most exact one alone: a right granted to a more exact
  // one than the user has would take the others away.
  std::string pattern_for(const std::string& schema) const;

 private:
  struct Grant {
    std::set<std::string, std::less<>> privileges;
    std::string schema;  // a pattern; "*": all
    std::string table;   // "*": all
    std::string grantee;
  };
  // For each grantee (the user, and roles).
  std::vector<const Grant*> most_exact(const std::string& schema) const;

  std::vector<Grant> grants_;
};

Result<Grants> read_grants(Connection& session);

// `denied`, with the statements that grant it, where the user may not see or read all that there is
// in these schemas: without rights on a whole schema, a server does not even tell that a table is
// there.
Result<void> check_privileges(Connection& session, const ServerIdentity& identity,
                              const Grants& grants, const std::vector<std::string>& schemas,
                              bool with_users);

// 'backup'@'10.%', as GRANT wants it.
Result<std::string> account_of(Connection& session);

}  // namespace stillpoint::database::mysql
