// SPDX-License-Identifier: Apache-2.0
// A repository in which everything can be done: backups that stay and others that a policy forgets,
// packs that are due to be deleted and others to be retired, a second password, and a second
// repository to copy to. It is made once and begun anew for each fault.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "repository/prune/testing.h"

namespace stillpoint {

enum class Operation {
  backup,
  restore,
  prune,
  copy_from,  // the fault is in the repository that is read
  copy_to,    // … and here in the one that is written
  forget,
  key_add,
  key_remove,         // the second one
  key_remove_in_use,  // the first one, since the second opens, too
  key_change,
  check,
};

bool is_about_keys(Operation operation);
bool stores(Operation operation);  // or removes; all others leave backups alone

class FaultWorld : public repository::PruneCase {
 protected:
  using Contents = std::map<Id, Blocks>;

  void SetUp() override;
  // As after SetUp, in storages of its own.
  void begin();

  // Does it, by the first password that opens the repository, on that storage in place of the
  // repository's own.
  Result<void> run(Operation operation, std::unique_ptr<storage::Backend> storage);
  // What others do while the operation hangs, for so long that its lock has expired: they prune and
  // back up, or change passwords; or they just back up.
  void others_work(Operation operation);
  void others_back_up(Operation operation);

  std::unique_ptr<storage::Backend> storage_of(Operation operation) const;
  // The repository, opened with whatever password opens it.
  Result<std::unique_ptr<repository::Repository>> open_any(
      std::unique_ptr<storage::Backend> storage) const;

  // "" where every finished backup is as it was made, and whatever else is visible is whole.
  std::string what_is_lost() const;
  // How many backups the first repository has, and the second.
  std::pair<std::size_t, std::size_t> visible() const;
  // What `check --read-data` finds in both repositories.
  std::vector<std::string> findings() const;
  // Whatever happened: two prunes of what the operation works on succeed, and nothing is left over.
  void expect_pruned(Operation operation, const std::string& where);

 private:
  void make_repositories();
  static Blocks wanted() { return joined(range(1, 7), joined(range(14, 15), range(80, 88))); }
  static std::unique_ptr<storage::Backend> memory(const std::string& name);

  Result<void> run_in(repository::Repository& repository, Operation operation);
  Result<void> restore_all(repository::Repository& repository) const;
  Result<void> copy(repository::Repository& from, repository::Repository& to) const;
  Result<void> forget_by_policy(repository::Repository& repository) const;
  Result<void> change_keys(repository::Repository& repository, Operation operation) const;
  void others_change_keys(Operation operation);
  void back_up_beside(Operation operation, const Blocks& blocks);
  void keep(const Result<repository::Record>& done, const Blocks& blocks);
  std::string what_is_lost(const std::string& name, const Contents& kept) const;

  std::string there_;  // the second repository's storage, as name_ is the first one's
  Contents kept_;      // in the first repository
  Contents kept_there_;
  std::vector<Bytes> known_;  // what any backup may hold: finished, forgotten, or attempted
  Id first_key_;

  struct Made {
    std::string here = {};
    std::string there = {};
    Contents kept = {};
    Contents kept_there = {};
    std::int64_t ahead_ns = 0;
  };
  Made made_;
};

}  // namespace stillpoint
