// SPDX-License-Identifier: Apache-2.0
#include "repository/check.h"

#include <algorithm>
#include <thread>
#include <unordered_set>

#include "base/text.h"
#include "pipeline/ordered.h"
#include "repository/backup_reader.h"
#include "repository/pack.h"
#include "repository/pack_check.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

constexpr std::size_t findings_max = 1000;  // enough to see that all is lost

std::uint64_t end_of(const PackedBlob& blob) {
  return std::uint64_t{blob.offset} + blob.length;
}

class Checker {
 public:
  Checker(Repository& repository, const CheckOptions& options, CheckProgress progress,
          std::stop_token stop)
      : repository_(repository), options_(options), progress_(progress), stop_(std::move(stop)) {}

  Result<CheckReport> run() {
    repository_.read_past_cache();
    // Records before the index: whatever they name was indexed before they were written.
    const std::vector<Id> records = TRY(repository_.list_files(FileKind::record));
    // One unreadable index file hides its packs only; what the others name can still be looked at.
    TRY(find("index", repository_.load_index(stop_)));
    TRY(check_packs());
    for (const Id& id : records) TRY(check_record(id));
    if (options_.read_data) TRY(read_packs());
    return std::move(report_);
  }

 private:
  void error(std::string text) {
    if (report_.errors.size() < findings_max) report_.errors.push_back(std::move(text));
  }
  void note(std::string text) {
    if (report_.notes.size() < findings_max) report_.notes.push_back(std::move(text));
  }

  // A stop or a storage that does not answer ends the check; all else is a finding.
  template <class T>
  Result<void> find(const std::string& what, const Result<T>& result) {
    if (result) return {};
    const Error& e = result.error();
    if (e.code == Errc::cancelled || e.code == Errc::unavailable) return fail(Error(e));
    error(what.empty() ? e.message : what + ": " + e.message);
    return {};
  }

  // Every pack of the index is there, and as long as the index says.
  Result<void> check_packs() {
    std::unordered_map<Id, std::uint64_t>& sizes = pack_bytes_;
    sizes = TRY(repository_.list_sizes(FileKind::pack));
    packs_ = repository_.index().by_pack();
    report_.packs = packs_.size();
    report_.blobs = repository_.index().blob_count();
    for (const auto& [id, blobs] : packs_) {
      const auto size = sizes.find(id);
      if (size == sizes.end()) {
        error("pack " + id.hex() + " is missing");
        missing_.insert(id);
        continue;
      }
      const std::uint64_t end = blobs.empty() ? 0 : end_of(blobs.back());
      if (end + seal_overhead + pack_trailer_bytes > size->second) {
        error("pack " + id.hex() + " is shorter than its index says");
      }
      if (!options_.read_data) progress_.bytes_total += size->second;
    }
    TRY(note_retired());
    for (const auto& [id, size] : sizes) {
      if (!packs_.contains(id) && !retired_.contains(id)) {
        note("pack " + id.brief() + " (" + base::display_bytes(size) +
             ") is in no index: left by an interrupted backup, or one that is being written");
      }
    }
    return {};
  }

  // Packs that are in no index because prune has taken them out of it.
  Result<void> note_retired() {
    std::vector<Id> damaged;
    for (const RetiredFile& file : TRY(load_retired(repository_, {}, &damaged))) {
      retired_.insert(file.retired.packs.begin(), file.retired.packs.end());
    }
    for (const Id& id : damaged) {
      error("list of retired packs " + id.hex() +
            " is damaged; it is written anew by: "
            "stillpoint prune");
    }
    std::uint64_t packs = 0;
    std::uint64_t bytes = 0;
    for (const auto& [id, size] : pack_bytes_) {
      if (packs_.contains(id) || !retired_.contains(id)) continue;
      ++packs;
      bytes += size;
    }
    if (packs > 0) {
      note(fmt::format("{} packs ({}) are retired: a later prune deletes them", packs,
                       base::display_bytes(bytes)));
    }
    return {};
  }

  Result<void> check_record(const Id& id) {
    const Result<Bytes> text = repository_.load_file(FileKind::record, id);
    if (!text && text.error().code == Errc::not_found) return {};  // forgotten in this moment
    TRY(find("backup " + id.brief(), text));
    if (!text) return {};
    const Result<Record> record = decode_record(*text);
    TRY(find("backup " + id.brief(), record));
    if (!record) return {};
    ++report_.backups;
    return check_tree(record->tree, "backup " + id.brief());
  }

  Result<void> check_tree(const Id& tree, const std::string& where) {
    if (!trees_.insert(tree).second) return {};
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const Result<std::vector<Node>> nodes = load_tree(repository_, tree);
    TRY(find(where, nodes));
    if (!nodes) return {};
    for (const Node& node : *nodes) {
      const std::string path = where + "/" + base::printable(node.name);
      if (node.type == NodeType::folder) TRY(check_tree(node.subtree, path));
      if (node.type == NodeType::file) check_file(node, path);
    }
    return {};
  }

  void check_file(const Node& node, const std::string& path) {
    std::uint64_t size = 0;
    for (const Id& id : node.content) {
      const auto place = repository_.index().find(BlobType::data, id);
      if (!place) return error(path + ": chunk " + id.brief() + " is in no index");
      if (missing_.contains(place->pack)) {
        return error(path + ": chunk " + id.brief() + " was in pack " + place->pack.brief() +
                     ", which is missing");
      }
      size += place->blob.size();
    }
    if (size != node.size) {
      error(fmt::format("{}: its chunks have {} bytes instead of {}", path, size, node.size));
    }
  }

  std::vector<Id> packs_to_read() const {
    std::unordered_map<Id, std::uint64_t> there;
    for (const auto& [id, blobs] : packs_) {
      if (!missing_.contains(id)) there[id] = pack_bytes_.at(id);
    }
    return choose(there, options_.subset.value_or(PartOf{1, 1}), options_.seed);
  }

  Result<void> read_packs() {
    const std::vector<Id> ids = packs_to_read();
    for (const Id& id : ids) progress_.bytes_total += pack_bytes_.at(id);
    report_.packs_read = ids.size();
    std::size_t next = 0;
    const std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
    return pipeline::run_ordered<Id, std::vector<std::string>>(
        {workers, workers * 2}, stop_,
        [&]() -> Result<std::optional<Id>> {
          return next < ids.size() ? std::optional<Id>(ids[next++]) : std::nullopt;
        },
        [&](Id id) { return read_pack(id); },
        [&](std::vector<std::string> found) -> Result<void> {
          for (std::string& text : found) error(std::move(text));
          return {};
        });
  }

  Result<std::vector<std::string>> read_pack(const Id& id) {
    const IndexedPack pack{id, packs_.at(id)};
    std::vector<std::string> found =
        TRY(check_pack(repository_, pack, pack_bytes_.at(id), progress_.bytes_done, stop_));
    for (std::string& text : found) text = "pack " + id.hex() + ": " + text;
    return found;
  }

  Repository& repository_;
  const CheckOptions options_;
  const CheckProgress progress_;
  const std::stop_token stop_;
  CheckReport report_;
  std::unordered_map<Id, std::vector<PackedBlob>> packs_;
  std::unordered_map<Id, std::uint64_t> pack_bytes_;  // as the storage has them
  std::unordered_set<Id> missing_;
  std::unordered_set<Id> retired_;
  std::unordered_set<Id> trees_;
};

}  // namespace

Result<CheckReport> check(Repository& repository, const CheckOptions& options,
                          CheckProgress progress, std::stop_token stop) {
  Result<CheckReport> report = Checker(repository, options, progress, std::move(stop)).run();
  if (report) report->bytes_read = progress.bytes_done;
  return report;
}

}  // namespace stillpoint::repository
