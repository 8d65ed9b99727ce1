// SPDX-License-Identifier: Apache-2.0
#include "repository/copy.h"

#include <algorithm>
#include <utility>

#include "repository/backup_reader.h"
#include "repository/backup_writer.h"
#include "repository/entry_bits.h"
#include "repository/pack_pieces.h"

namespace stillpoint::repository {
namespace {

class Copier {
 public:
  Copier(Repository& from, Repository& to, const WriteOptions& options, CopyProgress progress,
         std::stop_token stop)
      : from_(from), to_(to), options_(options), progress_(progress), stop_(std::move(stop)) {}

  Result<CopiedBackup> copy(const Record& record) {
    CopiedBackup copied;
    copied.record = record;
    const Bytes text = TRY(from_.load_file(FileKind::record, record.id));
    const std::string copy = TRY(encode_copy(text, record.id));
    const auto writer = TRY(BackupWriter::begin(to_, options_, stop_));
    walked_ = {};
    wanted_ = {};
    packs_ = {};
    TRY(want(record.tree, writer->blobs()));
    TRY(copy_wanted(writer->blobs(), copied.bytes_read));
    copied.id = TRY(writer->finish_copy(copy));
    copied.bytes_stored = writer->blobs().counters().bytes_stored;
    return copied;
  }

 private:
  // A folder and everything below it, as far as it is not there yet. It is walked even where it is
  // there: an interrupted copy may have stored a folder and not what it holds.
  Result<void> want(const Id& tree, BlobWriter& blobs) {
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    if (!walked_.set(TRY(entry_of(BlobType::tree, tree)))) return {};
    TRY(want_blob(BlobType::tree, tree, blobs));
    const std::vector<Node> nodes = TRY(load_tree(from_, tree));
    for (const Node& node : nodes) {
      if (node.type == NodeType::folder) TRY(want(node.subtree, blobs));
      for (const Id& chunk : node.content) TRY(want_blob(BlobType::data, chunk, blobs));
    }
    return {};
  }

  Result<std::uint32_t> entry_of(BlobType type, const Id& id) const {
    const auto entry = from_.index().entry_of(type, id);
    if (entry) return *entry;
    return fail(Error{Errc::corrupt, "blob " + id.brief() + " is in no index",
                      "run: stillpoint check --repo " + from_.url()});
  }

  Result<void> want_blob(BlobType type, const Id& id, BlobWriter& blobs) {
    const std::uint32_t entry = TRY(entry_of(type, id));
    if (blobs.relies_on(type, id) || !wanted_.set(entry)) return {};
    progress_.bytes_total += from_.index().blob(entry).length;
    packs_.push_back(from_.index().pack_of(entry));
    return {};
  }

  Result<void> copy_wanted(BlobWriter& blobs, std::uint64_t& bytes_read) {
    std::sort(packs_.begin(), packs_.end());
    packs_.erase(std::unique(packs_.begin(), packs_.end()), packs_.end());
    const auto sink = [&](const SealedBlob& one) -> Result<void> {
      TRY(blobs.save_packed(one.blob, TRY(unseal(from_.key(), one.sealed))));
      bytes_read += one.sealed.size();
      progress_.bytes_done += one.sealed.size();
      return {};
    };
    return read_marked(from_, packs_, wanted_, sink, stop_);
  }

  Repository& from_;
  Repository& to_;
  const WriteOptions options_;
  CopyProgress progress_;
  const std::stop_token stop_;
  EntryBits walked_;                  // folders of this backup
  EntryBits wanted_;                  // blobs of this backup
  std::vector<std::uint32_t> packs_;  // where those lie
};

}  // namespace

bool same_backup(const Record& one, const Record& other) {
  return one.tree == other.tree && one.time == other.time && one.hostname == other.hostname &&
         one.paths == other.paths;
}

Result<std::vector<CopiedBackup>> copy_backups(Repository& from, Repository& to,
                                               const std::vector<Record>& records,
                                               const WriteOptions& options, CopyProgress progress,
                                               std::stop_token stop) {
  const std::vector<Record> there = TRY(to.records(stop));
  Copier copier(from, to, options, progress, stop);
  std::vector<CopiedBackup> all;
  for (const Record& record : records) {
    const auto found = std::find_if(there.begin(), there.end(),
                                    [&](const Record& one) { return same_backup(one, record); });
    if (found != there.end()) {
      CopiedBackup& known = all.emplace_back();
      known.record = record;
      known.id = found->id;
      known.was_there = true;
      continue;
    }
    all.push_back(TRY_DURING("copy backup " + record.id.brief(), copier.copy(record)));
  }
  return all;
}

}  // namespace stillpoint::repository
