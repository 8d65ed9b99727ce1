// SPDX-License-Identifier: Apache-2.0
// Where restored data is until the switch, the sessions that fill it, and what they have done.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/target/maintenance.h"
#include "database/postgresql/target/staging_mark.h"

namespace stillpoint::database::postgresql {

// A database that is being filled: one of its own, or the target itself. One session stays in it
// as long as this lives; others come and go.
class Staging {
 public:
  // Begins in this database, by a schema for our own tables that carries the mark; of
  // that token, else a new one.
  static Result<std::unique_ptr<Staging>> begin(Maintenance& server, const std::string& database,
                                                const StagingMark& mark,
                                                const std::stop_token& stop,
                                                const std::string& token = {});
  // Goes on with what a dead restore has left in this database; nothing where there is no progress.
  static Result<std::unique_ptr<Staging>> resume(Maintenance& server, const std::string& database,
                                                 const std::stop_token& stop);

  const std::string& database() const { return database_; }
  const std::string& schema() const { return schema_; }
  Connection& control() { return *control_; }

  // A session on loan; it is used again unless it was dropped or left in a transaction.
  class Loan {
   public:
    Loan(Staging* from, Connection session) : from_(from), session_(std::move(session)) {}
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() = default;
    Connection* operator->() { return &*session_; }
    Connection& operator*() { return *session_; }
    void give_back();  // else it ends, and the server undoes what it had begun

   private:
    Staging* from_;
    std::optional<Connection> session_;
  };
  // Called by several threads.
  Result<Loan> borrow(const std::stop_token& stop);

  // What was done, by the paths of parts and names of steps. Called by several threads.
  std::optional<Receipt> done(const std::string& step) const;
  // Notes it on that session, in its transaction; confirm() once that is committed.
  Result<void> note(Connection& session, const std::string& step, const Receipt& receipt = {});
  void confirm(const std::string& step, const Receipt& receipt = {});
  // Notes it at once.
  Result<void> finished(const std::string& step);
  std::map<std::string, Receipt> all_done() const;

  // Ends the sessions that nobody uses: through foreign tables they may use the old database.
  void rest();
  // Drops what is ours in the database, and leaves it.
  Result<void> leave();
  void close();  // leaves without a trace of order: all sessions end

 private:
  Staging(Maintenance& server, std::string database, std::string schema, Connection control)
      : server_(server),
        database_(std::move(database)),
        schema_(std::move(schema)),
        control_(std::move(control)) {}
  Result<void> make_progress(const StagingMark& mark);
  Result<void> read_progress();
  Result<void> forget_unlogged();

  Maintenance& server_;
  const std::string database_;
  const std::string schema_;
  std::optional<Connection> control_;
  base::Guarded<std::vector<Connection>> idle_;
  base::Guarded<std::map<std::string, Receipt>> done_;
};

// The schema of a restore in this database: its name and its mark. Nothing where there is none.
struct StagedSchema {
  std::string name = {};
  StagingMark mark = {};
};
Result<std::vector<StagedSchema>> staged_schemas(Connection& session);

}  // namespace stillpoint::database::postgresql
