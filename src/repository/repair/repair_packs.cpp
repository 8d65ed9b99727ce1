// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_packs.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "pipeline/ordered.h"
#include "repository/lock.h"
#include "repository/pack_check.h"
#include "repository/pack_pieces.h"
#include "repository/pack_reader.h"
#include "repository/prune/index_rewrite.h"
#include "repository/prune/repack.h"
#include "repository/prune/usage.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

// Of stored bytes; all else ends the repair: a storage that does not answer has lost nothing.
bool is_damage(const Error& error) {
  return error.code == Errc::corrupt || error.code == Errc::not_found;
}

// Blobs of both types.
class BlobSet {
 public:
  void insert(BlobType type, const Id& id) { ids_[static_cast<std::size_t>(type)].insert(id); }
  bool contains(BlobType type, const Id& id) const {
    return ids_[static_cast<std::size_t>(type)].contains(id);
  }
  const std::unordered_set<Id>& of(BlobType type) const {
    return ids_[static_cast<std::size_t>(type)];
  }

 private:
  std::array<std::unordered_set<Id>, 2> ids_;
};

class Repair {
 public:
  Repair(Repository& repository, const RepairPacksOptions& options, PruneProgress progress,
         std::stop_token stop)
      : repository_(repository),
        options_(options),
        progress_(std::move(progress)),
        stop_(std::move(stop)) {}

  Result<RepairPacksReport> run() {
    lock_ = TRY(Lock::acquire(repository_, LockKind::prune, stop_, "repair"));
    Result<void> done = run_locked();
    repository_.drop_index();
    repository_.index().avoid({});
    TRY(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> run_locked() {
    TRY(look());
    TRY(find_damaged(TRY(chosen())));
    if (damaged_.empty()) return {};
    repository_.index().avoid(damaged_);  // a copy elsewhere is what is found from now on
    repacker_ = std::make_unique<Repacker>(repository_, *lock_, copied_, options_.pack_bytes);
    phase("save what can be read");
    for (const Id& pack : in_order(damaged_)) TRY(salvage(pack));
    TRY(count_lost());
    if (options_.dry_run) return {};
    TRY(repacker_->finish());
    return retire();
  }

  void phase(std::string text) {
    if (progress_.phase) progress_.phase(std::move(text));
  }

  static std::vector<Id> in_order(const std::unordered_set<Id>& ids) {
    std::vector<Id> all(ids.begin(), ids.end());
    std::sort(all.begin(), all.end());
    return all;
  }

  Result<void> look() {
    repository_.drop_index();
    if (auto loaded = repository_.load_index(stop_); !loaded) {
      return fail(std::move(loaded.error()).advise("run first: stillpoint repair index"));
    }
    change_.files = repository_.index_files();
    change_.dropped.resize(repository_.index().pack_count());
    sizes_ = TRY(repository_.list_sizes(FileKind::pack));
    std::vector<Id> unreadable;
    for (const RetiredFile& file : TRY(load_retired(repository_, {}, &unreadable))) {
      for (const Id& pack : file.retired.packs) {
        if (!repository_.index().has_pack(pack)) retired_.insert(pack);
      }
    }
    return {};
  }

  Result<std::vector<Id>> chosen() const {
    if (options_.packs.empty()) return repository_.index().packs();
    std::unordered_set<Id> known;
    for (const Id& pack : repository_.index().packs()) known.insert(pack);
    for (const auto& [pack, bytes] : sizes_) known.insert(pack);
    std::unordered_set<Id> all;
    for (const std::string& front : options_.packs) all.insert(TRY(find_pack(front, known)));
    return in_order(all);
  }

  Result<Id> find_pack(const std::string& front, const std::unordered_set<Id>& known) const {
    std::vector<Id> found;
    for (const Id& pack : known) {
      if (!front.empty() && pack.hex().starts_with(front)) found.push_back(pack);
    }
    const std::string name = base::printable(front);
    if (found.empty()) {
      return fail(Error{Errc::not_found, "no pack of the repository is called '" + name + "'",
                        "see which are damaged: stillpoint check --read-data"});
    }
    if (found.size() > 1) {
      return fail(Error{Errc::invalid, "'" + name + "' is the front of several packs' ids",
                        "give more of the id"});
    }
    if (retired_.contains(found[0])) {
      return fail(Error{Errc::invalid,
                        "pack " + found[0].hex() + " is retired: what backups need is elsewhere",
                        "it is deleted by a later: stillpoint prune"});
    }
    return found[0];
  }

  struct Examined {
    Id pack = {};
    std::vector<std::string> problems = {};
  };

  Result<void> find_damaged(const std::vector<Id>& packs) {
    phase("read packs");
    for (const Id& pack : packs) {
      const auto size = sizes_.find(pack);
      if (size != sizes_.end()) progress_.bytes_total += size->second;
    }
    std::size_t next = 0;
    const std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
    const auto source = [&]() -> Result<std::optional<Id>> {
      return next < packs.size() ? std::optional<Id>(packs[next++]) : std::nullopt;
    };
    const auto note = [&](Examined examined) -> Result<void> {
      ++report_.packs_read;
      const std::string name = examined.pack.hex();
      if (!examined.problems.empty()) {
        damaged_.insert(examined.pack);
        report_.damaged.push_back(name + ": " + examined.problems.front());
      } else if (!options_.packs.empty()) {
        report_.sound.push_back(name);
      }
      return {};
    };
    return pipeline::run_ordered<Id, Examined>(
        {workers, workers * 2}, stop_, source, [&](Id pack) { return examine(pack); }, note);
  }

  Result<Examined> examine(const Id& pack) const {
    const auto size = sizes_.find(pack);
    if (size == sizes_.end()) return Examined{pack, {"it is missing"}};
    auto indexed = repository_.index().blobs_of(pack);
    if (!indexed) {
      auto header = read_pack_header(repository_, pack, size->second);
      if (!header && !is_damage(header.error())) return fail(std::move(header.error()));
      if (!header) return Examined{pack, {header.error().message}};
      indexed = std::move(*header);
    }
    Examined examined{pack, {}};
    examined.problems = TRY(check_pack(repository_, {pack, std::move(*indexed)}, size->second,
                                       progress_.bytes_done, stop_));
    return examined;
  }

  // What a pack may hold: by its header, and by the index where that says something else.
  Result<std::vector<PackedBlob>> claimed(const Id& pack) const {
    const std::vector<PackedBlob> indexed =
        repository_.index().blobs_of(pack).value_or(std::vector<PackedBlob>());
    const auto size = sizes_.find(pack);
    if (size == sizes_.end()) return indexed;
    auto header = read_pack_header(repository_, pack, size->second);
    if (!header && !is_damage(header.error())) return fail(std::move(header.error()));
    if (!header) return indexed;
    for (const PackedBlob& blob : indexed) {
      const bool said = std::any_of(header->begin(), header->end(), [&](const PackedBlob& one) {
        return same_blobs({one}, {blob});
      });
      if (!said) header->push_back(blob);
    }
    std::sort(header->begin(), header->end(),
              [](const PackedBlob& a, const PackedBlob& b) { return a.offset < b.offset; });
    return std::move(*header);
  }

  Result<void> salvage(const Id& pack) {
    const std::vector<PackedBlob> blobs = TRY(claimed(pack));
    for (const PackPiece& piece : pieces_of(pack, blobs)) TRY(salvage_piece(piece));
    const auto size = sizes_.find(pack);
    if (size != sizes_.end()) report_.retired.add(size->second);
    return {};
  }

  // Whole where it can be, else blob by blob.
  Result<void> salvage_piece(const PackPiece& piece) {
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const auto read = read_piece(repository_, piece);
    if (read) {
      for (const SealedBlob& blob : *read) TRY(save(blob));
      return {};
    }
    if (!is_damage(read.error())) return fail(Error(read.error()));
    for (const PackedBlob& blob : piece.blobs) {
      if (piece.blobs.size() == 1) {
        unread_.insert(blob.type, blob.id);
      } else {
        TRY(salvage_piece({piece.pack, {blob}}));
      }
    }
    return {};
  }

  Result<void> save(const SealedBlob& one) {
    const PackedBlob& blob = one.blob;
    if (saved_.contains(blob.type, blob.id) || TRY(is_elsewhere(blob.type, blob.id))) return {};
    if (!options_.dry_run) TRY(repacker_->add(one));
    saved_.insert(blob.type, blob.id);
    ++report_.blobs_saved;
    report_.bytes_saved += one.sealed.size();
    return {};
  }

  // Whole in a pack that stays: it is read, since nobody else may have.
  Result<bool> is_elsewhere(BlobType type, const Id& id) {
    if (elsewhere_.contains(type, id)) return true;
    const auto place = repository_.index().find(type, id);
    if (!place || damaged_.contains(place->pack)) return false;
    const auto plain = repository_.load_blob(type, id);
    if (!plain && !is_damage(plain.error())) return fail(Error(plain.error()));
    if (!plain) return false;
    elsewhere_.insert(type, id);
    ++report_.blobs_elsewhere;
    return true;
  }

  Result<void> count_lost() {
    for (const BlobType type : {BlobType::data, BlobType::tree}) {
      for (const Id& id : in_order(unread_.of(type))) {
        if (saved_.contains(type, id) || TRY(is_elsewhere(type, id))) continue;
        ++report_.blobs_lost;
        if (report_.lost.size() < RepairPacksReport::lost_max) report_.lost.push_back(id.hex());
      }
    }
    return {};
  }

  // Before the switch, so that every writer learns of it; those that are missing, too.
  Result<void> retire() {
    phase("replace index files");
    TRY_DURING("replace index files", lock_->begin_switch(options_.switch_wait, stop_));
    TRY(lock_->still_held());
    const Retired retired{repository_.now(), in_order(damaged_), true};
    TRY(repository_.save_file(FileKind::retired, encode_retired(retired)));
    for (const Id& pack : damaged_) {
      const auto number = repository_.index().pack_number(pack);
      if (number) change_.dropped[*number] = true;
    }
    TRY(rewrite_index(repository_, *lock_, change_));
    return lock_->end_switch();
  }

  Repository& repository_;
  const RepairPacksOptions options_;
  PruneProgress progress_;
  const std::stop_token stop_;
  RepairPacksReport report_;
  std::unique_ptr<Lock> lock_;
  IndexChange change_;
  PackSizes sizes_;
  std::unordered_set<Id> retired_;  // and in no index
  std::unordered_set<Id> damaged_;
  EntryBits copied_;
  std::unique_ptr<Repacker> repacker_;
  BlobSet saved_;
  BlobSet elsewhere_;
  BlobSet unread_;
};

}  // namespace

Result<RepairPacksReport> repair_packs(Repository& repository, const RepairPacksOptions& options,
                                       PruneProgress progress, std::stop_token stop) {
  return Repair(repository, options, std::move(progress), std::move(stop)).run();
}

}  // namespace stillpoint::repository
