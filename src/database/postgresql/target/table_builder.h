// SPDX-License-Identifier: Apache-2.0
// Makes a single table of a backup in a staging schema, and puts it in its place.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/target/backup_schema.h"
#include "database/postgresql/target/table_choice.h"

namespace stillpoint::database::postgresql {

// A table that is named "t0", "t1" … in the staging schema until it is put in its place.
class TableBuilder {
 public:
  TableBuilder(TablePlace place, QualifiedName staged, bool no_owner)
      : place_(std::move(place)), staged_(std::move(staged)), no_owner_(no_owner) {}

  const TablePlace& place() const { return place_; }
  const QualifiedName& staged() const { return staged_; }

  // The table and its sequences, with their values; in one transaction.
  Result<void> create(Connection& session, const std::vector<BackupSequence>& sequences);
  // Indexes and constraints, except foreign keys; owner, privileges, comments.
  Result<void> finish(Connection& session);
  // Moves it, in the transaction of the session.
  Result<void> put_in_place(Connection& session);
  // Foreign keys, in the same transaction; those that cannot be are left out with a warning.
  // `builders`: all tables of this restore, which may refer to one another.
  Result<void> add_foreign_keys(Connection& session, const std::vector<TableBuilder>& builders);
  // After it: holds the rows against them. One that does not fit stays NOT VALID, with a warning.
  Result<void> validate_foreign_keys(Connection& session);

 private:
  std::string staged_name() const { return quote_qualified(staged_.schema, staged_.name); }
  std::string final_name() const { return quote_qualified(place_.as.schema, place_.as.name); }
  Result<std::string> free_name(Connection& session, const std::string& wanted);
  Result<std::string> default_of(Connection& session, const TableColumn& column,
                                 const std::vector<BackupSequence>& sequences,
                                 std::vector<std::string>& after);
  Result<void> add_identity(Connection& session, const TableColumn& column,
                            const std::vector<BackupSequence>& sequences);
  Result<void> add_constraints(Connection& session);
  Result<void> add_indexes(Connection& session);

  TablePlace place_;
  QualifiedName staged_;
  bool no_owner_;
  std::vector<std::string> to_validate_;
};

}  // namespace stillpoint::database::postgresql
