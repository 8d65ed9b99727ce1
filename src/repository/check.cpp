// SPDX-License-Identifier: Apache-2.0
#include "repository/check.h"

#include <algorithm>
#include <thread>
#include <unordered_set>

#include "base/limits.h"
#include "base/text.h"
#include "pipeline/ordered.h"
#include "repository/backup_reader.h"
#include "repository/pack.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

constexpr std::uint64_t piece_bytes = 2 * limits::MiB;
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

  // What is wrong with a pack. The hash of the whole is not taken: header and blobs fill the pack
  // to the byte, and each is authenticated, so that any change is seen, at two thirds of the cost.
  Result<std::vector<std::string>> read_pack(const Id& id) {
    std::vector<std::string> found;
    const std::string what = "pack " + id.hex();
    const auto keep = [&](const Result<void>& result) -> Result<void> {
      if (result) return {};
      const Errc code = result.error().code;
      if (code == Errc::unavailable || code == Errc::cancelled) return fail(result.error());
      found.push_back(what + ": " + result.error().message);
      return {};
    };
    TRY(keep(check_header(id)));
    const std::vector<PackedBlob>& blobs = packs_.at(id);
    for (std::size_t first = 0; first < blobs.size();) {
      std::size_t end = first + 1;
      while (end < blobs.size() && end_of(blobs[end]) - blobs[first].offset <= piece_bytes) ++end;
      TRY(keep(check_blobs(id, std::span(blobs).subspan(first, end - first), found)));
      first = end;
    }
    return found;
  }

  // Blobs that lie one after another, read in one piece that stays in the processor's cache.
  Result<void> check_blobs(const Id& pack, std::span<const PackedBlob> blobs,
                           std::vector<std::string>& found) {
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const std::uint64_t begin = blobs.front().offset;
    std::uint64_t end = begin;  // of all: in a wrong index one may reach beyond the next
    for (const PackedBlob& blob : blobs) end = std::max(end, end_of(blob));
    const std::uint64_t size = end - begin;
    const Bytes piece =
        TRY(repository_.backend().get(name_of_file(FileKind::pack, pack), {begin, size}));
    progress_.bytes_done += size;
    for (const PackedBlob& blob : blobs) {
      const auto sealed = ByteView(piece).subspan(blob.offset - begin, blob.length);
      if (const auto plain = open_blob(repository_.key(), blob, sealed); !plain) {
        found.push_back("pack " + pack.hex() + ": blob " + blob.id.brief() + ": " +
                        plain.error().message);
      }
    }
    return {};
  }

  // The pack's own header must say what the index says: it is what an index is rebuilt from.
  Result<void> check_header(const Id& id) {
    const std::string name = name_of_file(FileKind::pack, id);
    const std::uint64_t bytes = pack_bytes_.at(id);
    if (bytes < seal_overhead + pack_trailer_bytes) return fail(Errc::corrupt, "too short");
    storage::Backend& backend = repository_.backend();
    const Bytes trailer = TRY(backend.get(name, {bytes - pack_trailer_bytes, pack_trailer_bytes}));
    const std::size_t size = TRY(pack_header_bytes(trailer, bytes));
    const Bytes tail = TRY(backend.get(name, {bytes - size, size}));
    progress_.bytes_done += size;
    const auto blobs = TRY(decode_pack_header(repository_.key(), tail, bytes));
    const auto& indexed = packs_.at(id);
    const bool same = std::equal(blobs.begin(), blobs.end(), indexed.begin(), indexed.end(),
                                 [](const PackedBlob& a, const PackedBlob& b) {
                                   return a.id == b.id && a.type == b.type &&
                                          a.offset == b.offset && a.length == b.length &&
                                          a.plain_bytes == b.plain_bytes;
                                 });
    if (!same) return fail(Errc::corrupt, "its header differs from the index");
    return {};
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
