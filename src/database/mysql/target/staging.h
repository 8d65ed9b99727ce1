// SPDX-License-Identifier: Apache-2.0
// Where restored data is until the switch, the sessions that fill it, and what they have done.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "database/database.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/target/staging_mark.h"

namespace stillpoint::database::mysql {

// What a commit may take: the server may wait for a replica, by default for 10 seconds.
inline constexpr std::chrono::seconds commit_max{12};
inline constexpr std::chrono::minutes removal_max{5};  // of a schema with all its tables

// A restore's schemas, and its journal: a table in the first of them. One session stays as long as
// this lives, and holds a lock of the server's by which others see that we are alive.
class Staging {
 public:
  // Makes the schemas that the mark's places name, and the journal.
  static Result<std::unique_ptr<Staging>> begin(const Connection& like, StagingMark mark,
                                                const std::string& token,
                                                const std::stop_token& stop);
  // Goes on with what a dead restore has left; `busy` where it is not dead.
  static Result<std::unique_ptr<Staging>> resume(const Connection& like, const std::string& schema,
                                                 const std::string& token,
                                                 const std::stop_token& stop);

  const std::string& token() const { return token_; }
  StagingMark& mark() { return mark_; }
  const StagingMark& mark() const { return mark_; }
  Result<void> save_mark();
  Connection& control() { return *control_; }
  bool usable();                                       // its sessions have not been cut
  std::map<std::string, std::string> schemas() const;  // from → staged

  // A session on loan; it is used again unless it was dropped.
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
  Result<void> forget(const std::vector<std::string>& steps);
  std::map<std::string, Receipt> all_done() const;

  // Longer texts, kept under a name.
  Result<void> keep(const std::string& name, const std::string& text);
  Result<std::string> kept(const std::string& name);  // empty where there is none

  // Removes the schemas, or in place only the journal, and ends all sessions. No statement may take
  // longer than that.
  Result<void> remove(base::Duration each_max = removal_max);
  void close();  // ends all sessions

 private:
  Staging(std::string journal, std::string token, Connection control)
      : journal_(std::move(journal)), token_(std::move(token)), control_(std::move(control)) {}
  Result<void> lock();
  Result<void> commit(const std::string& sql);
  std::string note_sql(const std::string& step, const Receipt& receipt = {}) const;
  Result<void> make(const std::stop_token& stop);
  Result<void> read_journal();

  const std::string journal_;  // quoted, with its schema
  const std::string token_;
  StagingMark mark_;
  std::optional<Connection> control_;
  base::Guarded<std::vector<Connection>> idle_;
  base::Guarded<std::map<std::string, Receipt>> done_;
};

// A restore's traces on a server: the journal's schema, its token, and the mark where the journal
// can be read.
struct StagedRestore {
  std::string schema = {};
  std::string token = {};
  std::optional<StagingMark> mark = {};
  bool switching = false;            // it has begun to replace the old tables
  std::set<std::string> keeps = {};  // … which are, perhaps, in these schemas
  bool alive = false;                // it is at work
};
Result<std::vector<StagedRestore>> staged_restores(Connection& session);

}  // namespace stillpoint::database::mysql
