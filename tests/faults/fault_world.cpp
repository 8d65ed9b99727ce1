// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/fault_world.h"

#include <algorithm>

#include "backup/forget.h"
#include "repository/copy.h"
#include "repository/keys.h"
#include "repository/lock.h"

namespace stillpoint {

using namespace std::chrono_literals;
using repository::FileKind;
using repository::Lock;
using repository::LockKind;
using repository::Record;
using repository::Repository;

namespace {

constexpr int kept_by_policy = 2;

base::Secret secret(const char* text) {
  return base::Secret(std::string(text));
}

std::string new_name() {
  return "faults-" + base::random_token();
}

// The bytes of a backup, chunk by chunk: threads for each of so many would take the longest.
Result<Bytes> bytes_in(const Repository& repository, const Record& record) {
  const repository::Node node = TRY(repository::find_node(repository, record.tree, "f"));
  Bytes bytes;
  for (const Id& chunk : node.content) {
    base::append(bytes, TRY(repository.load_blob(repository::BlobType::data, chunk)));
  }
  return bytes;
}

}  // namespace

bool is_about_keys(Operation operation) {
  return operation == Operation::key_add || operation == Operation::key_remove ||
         operation == Operation::key_remove_in_use || operation == Operation::key_change;
}

bool stores(Operation operation) {
  return operation == Operation::backup || operation == Operation::prune ||
         operation == Operation::copy_to || operation == Operation::forget;
}

std::unique_ptr<storage::Backend> FaultWorld::memory(const std::string& name) {
  return std::move(*storage::open("memory:" + name));
}

std::unique_ptr<storage::Backend> FaultWorld::storage_of(Operation operation) const {
  return memory(operation == Operation::copy_to ? there_ : name_);
}

void FaultWorld::SetUp() {
  make_repositories();
  for (const auto& [id, blocks] : kept_) known_.push_back(bytes_of(blocks));
  for (const Blocks& blocks : {wanted(), range(3, 9)}) known_.push_back(bytes_of(blocks));
  // The policy forgets all but the last ones: that these are there is not promised.
  std::vector<Record> records = open()->records({}).value();
  records.resize(records.size() - kept_by_policy);
  for (const Record& record : records) kept_.erase(record.id);
  made_ = {name_, there_, kept_, kept_there_, ahead_ns_};
  repository::PruneOptions options = all_unused();
  options.dry_run = true;
  const auto would = prune_in(*open(), options).value();
  ASSERT_GT(would.deleted.packs, 0U);
  ASSERT_GT(would.retired.packs, 0U);
  ASSERT_GT(would.rewritten.packs, 0U);
}

void FaultWorld::make_repositories() {
  begin_anew();
  first_key_ = open()->key_in_use();
  ASSERT_TRUE(repository::add_key(*open(), secret("second"), repository::cheap_cost));
  const auto keep_one = [&](const Blocks& blocks) { kept_[back_up(blocks).id] = blocks; };
  Record gone = back_up(range(1, 20));
  keep_one(joined(range(13, 17), range(41, 50)));
  keep_one(range(41, 47));
  forget(gone);
  prune_now();  // these packs are due to be deleted,
  gone = back_up(joined(range(1, 20), range(90, 97)));
  keep_one(joined(range(41, 52), range(93, 95)));
  keep_one(joined(range(13, 17), range(60, 63)));
  forget(gone);  // those to be retired, and some of them to be rewritten
  there_ = new_name();
  repository::init_test_repository(memory(there_));
  pass(26h);
  kept_there_[back_up(*open(memory(there_)), range(41, 47)).value().id] = range(41, 47);
}

void FaultWorld::begin() {
  const auto copy_of = [](const std::string& from) {
    const auto source = memory(from);
    const std::string name = new_name();
    const auto target = memory(name);
    EXPECT_TRUE(source->list("", [&](const storage::ObjectInfo& info) -> Result<void> {
      const Bytes bytes = TRY(source->get(info.name));
      return target->put(info.name, bytes, storage::PutMode::create_only);
    }));
    return name;
  };
  name_ = copy_of(made_.here);
  there_ = copy_of(made_.there);
  kept_ = made_.kept;
  kept_there_ = made_.kept_there;
  ahead_ns_ = made_.ahead_ns;
}

Result<std::unique_ptr<Repository>> FaultWorld::open_any(
    std::unique_ptr<storage::Backend> storage) const {
  // A storage is given away when it is opened: which password it is, is asked beforehand.
  const bool there = storage->url() == memory(there_)->url();
  const char* known = "correct horse";
  for (const char* password : {"correct horse", "new", "second"}) {
    const auto opened = Repository::open(memory(there ? there_ : name_), secret(password));
    if (!opened) continue;
    known = password;
    break;
  }
  auto repository = TRY(Repository::open(std::move(storage), secret(known)));
  repository->set_clock([this] { return base::now() + std::chrono::nanoseconds(ahead_ns_); });
  return repository;
}

Result<void> FaultWorld::run(Operation operation, std::unique_ptr<storage::Backend> storage) {
  const auto repository = TRY(open_any(std::move(storage)));
  if (operation == Operation::copy_from) return copy(*repository, *open(memory(there_)));
  if (operation == Operation::copy_to) {
    const auto from = TRY(open_any(backend()));
    return copy(*from, *repository);
  }
  return run_in(*repository, operation);
}

Result<void> FaultWorld::run_in(Repository& repository, Operation operation) {
  switch (operation) {
    case Operation::backup: {
      const auto done = back_up(repository, wanted());
      keep(done, wanted());
      TRY(Result<Record>(done));
      return {};
    }
    case Operation::restore:
      return restore_all(repository);
    case Operation::prune:
      TRY(prune_in(repository, all_unused()));
      return {};
    case Operation::forget:
      return forget_by_policy(repository);
    case Operation::check: {
      std::atomic<std::uint64_t> total = 0;
      std::atomic<std::uint64_t> read = 0;
      const auto report = TRY(repository::check(repository, {true}, {total, read}, {}));
      if (report.ok()) return {};
      return fail(Errc::corrupt, "check: {}", report.errors[0]);
    }
    default:
      return change_keys(repository, operation);
  }
}

void FaultWorld::keep(const Result<Record>& done, const Blocks& blocks) {
  if (done) kept_[done->id] = blocks;
}

Result<void> FaultWorld::restore_all(Repository& repository) const {
  const auto lock = TRY(Lock::acquire(repository, LockKind::shared, {}));
  TRY(repository.load_index({}));
  const std::vector<Record> records = TRY(repository.records({}));
  for (const Record& record : records) {
    const Bytes bytes = TRY(repository::read_back(repository, record));
    EXPECT_EQ(std::count(known_.begin(), known_.end(), bytes), 1) << "wrong bytes were restored";
    const auto kept = kept_.find(record.id);
    if (kept != kept_.end()) {
      EXPECT_EQ(bytes, bytes_of(kept->second));
    }
  }
  return {};
}

Result<void> FaultWorld::copy(Repository& from, Repository& to) const {
  const auto lock = TRY(Lock::acquire(from, LockKind::shared, {}));
  TRY(from.load_index({}));
  std::atomic<std::uint64_t> total = 0;
  std::atomic<std::uint64_t> read = 0;
  TRY(repository::copy_backups(from, to, TRY(from.records({})),
                               {repository::Compression::automatic, pack_bytes, 1}, {total, read},
                               {}));
  return {};
}

Result<void> FaultWorld::forget_by_policy(Repository& repository) const {
  const auto lock = TRY(Lock::acquire(repository, LockKind::shared, {}));
  backup::ForgetRequest request;
  request.retention.last = kept_by_policy;
  const auto plan = TRY(backup::plan_forget(repository, request, repository.now(), {}));
  return backup::forget(repository, plan, lock.get(), [](std::size_t) {}, {});
}

Result<void> FaultWorld::change_keys(Repository& repository, Operation operation) const {
  const bool adds = operation == Operation::key_add;
  const auto lock =
      TRY(Lock::acquire(repository, adds ? LockKind::shared : LockKind::exclusive, {}));
  if (adds) {
    TRY(repository::add_key(repository, secret("new"), repository::cheap_cost));
  } else if (operation == Operation::key_change) {
    TRY(repository::change_key(repository, secret("new"), repository::cheap_cost));
  } else if (operation == Operation::key_remove_in_use) {
    return repository::remove_key(repository, repository.key_in_use(), secret("second"));
  } else {
    const std::vector<Id> keys = TRY(repository.list_files(FileKind::key));
    for (const Id& key : keys) {
      if (key != repository.key_in_use()) TRY(repository::remove_key(repository, key));
    }
  }
  return {};
}

void FaultWorld::others_work(Operation operation) {
  pass(31min);
  const auto other = open_any(storage_of(operation)).value();
  EXPECT_TRUE(Lock::acquire(*other, LockKind::exclusive, {})) << "who hangs keeps others off";
  if (is_about_keys(operation)) return others_change_keys(operation);
  if (operation == Operation::forget) kept_.clear();  // the policy keeps those that are made here
  for (const Blocks& blocks : {wanted(), range(3, 9)}) {
    EXPECT_TRUE(prune_in(*open(storage_of(operation)), all_unused()));
    back_up_beside(operation, blocks);
    pass(25h);
  }
}

void FaultWorld::others_back_up(Operation operation) {
  pass(31min);
  if (operation == Operation::forget) kept_.clear();
  back_up_beside(operation, wanted());
  back_up_beside(operation, range(3, 9));
}

void FaultWorld::back_up_beside(Operation operation, const Blocks& blocks) {
  const auto done = back_up(*open_any(storage_of(operation)).value(), blocks);
  ASSERT_TRUE(done) << done.error().message;
  (operation == Operation::copy_to ? kept_there_ : kept_)[done->id] = blocks;
}

// All keys go but the one that is about to be removed by who hangs.
void FaultWorld::others_change_keys(Operation operation) {
  const bool first = operation != Operation::key_remove;
  const auto other = Repository::open(backend(), secret(first ? "correct horse" : "second"));
  if (!other) return;  // it is removed already
  const auto lock = Lock::acquire(**other, LockKind::exclusive, {}).value();
  const std::vector<Id> keys = (*other)->list_files(FileKind::key).value();
  for (const Id& key : keys) {
    if (key != (*other)->key_in_use()) {
      EXPECT_TRUE(repository::remove_key(**other, key));
    }
  }
}

std::string FaultWorld::what_is_lost(const std::string& name, const Contents& kept) const {
  const auto repository = open_any(memory(name));
  if (!repository) return repository.error().message;
  if (auto loaded = (*repository)->load_index({}); !loaded) return loaded.error().message;
  const auto records = (*repository)->records({});
  if (!records) return records.error().message;
  std::size_t found = 0;
  for (const Record& record : *records) {
    const auto bytes = bytes_in(**repository, record);
    if (!bytes) return "backup " + record.id.brief() + ": " + bytes.error().message;
    const auto expected = kept.find(record.id);
    found += expected == kept.end() ? 0 : 1;
    const bool right = expected == kept.end() ? std::count(known_.begin(), known_.end(), *bytes) > 0
                                              : *bytes == bytes_of(expected->second);
    if (!right) return "backup " + record.id.brief() + " has other bytes";
  }
  return found == kept.size() ? "" : "a finished backup is gone";
}

std::string FaultWorld::what_is_lost() const {
  const std::string here = what_is_lost(name_, kept_);
  return here.empty() ? what_is_lost(there_, kept_there_) : here;
}

std::pair<std::size_t, std::size_t> FaultWorld::visible() const {
  const auto count = [&](const std::string& name) {
    return open_any(memory(name)).value()->list_files(FileKind::record).value().size();
  };
  return {count(name_), count(there_)};
}

std::vector<std::string> FaultWorld::findings() const {
  std::vector<std::string> all;
  for (const std::string& name : {name_, there_}) {
    const auto repository = open_any(memory(name));
    if (!repository) {
      all.push_back(repository.error().message);
      continue;
    }
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> read = 0;
    const auto report = repository::check(**repository, {true}, {total, read}, {}).value();
    all.insert(all.end(), report.errors.begin(), report.errors.end());
  }
  return all;
}

void FaultWorld::expect_pruned(Operation operation, const std::string& where) {
  for (int round = 0; round < 2; ++round) {
    pass(26h);
    const auto pruned = prune_in(*open_any(storage_of(operation)).value(), all_unused());
    ASSERT_TRUE(pruned) << where << ": " << pruned.error().message;
  }
  repository::PruneOptions options = all_unused();
  options.dry_run = true;
  const auto would = prune_in(*open_any(storage_of(operation)).value(), options).value();
  ASSERT_EQ(would.blobs_unused + would.retired.packs + would.waiting.packs, 0U) << where;
  const auto left = [&](const storage::ObjectInfo& info) -> Result<void> {
    EXPECT_FALSE(info.name.starts_with("locks/")) << where << ": " << info.name;
    EXPECT_FALSE(info.name.starts_with("retired/")) << where << ": " << info.name;
    return {};
  };
  ASSERT_TRUE(storage_of(operation)->list("", left));
  ASSERT_EQ(what_is_lost(), "") << where;
}

}  // namespace stillpoint
