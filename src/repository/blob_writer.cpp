// SPDX-License-Identifier: Apache-2.0
#include "repository/blob_writer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "repository/index_save.h"

namespace stillpoint::repository {
namespace {

std::size_t workers_for(const WriteOptions& options) {
  if (options.workers != 0) return options.workers;
  return std::max(1U, std::thread::hardware_concurrency());
}

std::size_t uploaders_for(const Repository& repository) {
  return static_cast<std::size_t>(
      std::clamp(repository.backend().properties().connections_max, 1, 2));
}

constexpr std::size_t chunks_queued = 1024;  // the byte budget is what bounds them

}  // namespace

BlobWriter::BlobWriter(Repository& repository, const WriteOptions& options, Reliance& reliance,
                       std::stop_token stop)
    : repository_(repository),
      options_(options),
      reliance_(reliance),
      following_(failure_.follow(std::move(stop))),
      budget_(limits::chunk_bytes_in_flight),
      builders_(std::array{PackBuilder(options.pack_bytes), PackBuilder(options.pack_bytes)}),
      uploaders_(uploaders_for(repository), limits::packs_waiting, failure_),
      workers_(workers_for(options), chunks_queued, failure_) {}

BlobWriter::~BlobWriter() {
  if (finished_) return;
  workers_.cancel();
  uploaders_.cancel();
  if (auto saved = save_index(true); !saved) {
    log(LogLevel::info, "index what the interrupted backup stored: {}", saved.error().message);
    repository_.drop_index();  // it has packs that no file names: they may be pruned
  }
}

// A task must be copyable: its bytes and their share of the budget go by shared pointer.
Result<void> BlobWriter::submit(std::size_t bytes, std::function<Result<void>()> work) {
  counters_.bytes_read += bytes;
  ++counters_.chunks;
  auto grant =
      std::make_shared<pipeline::ByteBudget::Grant>(budget_.acquire(bytes, failure_.token()));
  if (!*grant) return failure_.result();
  return workers_.submit([grant, work = std::move(work)] { return work(); });
}

Result<void> BlobWriter::save(BlobType type, Bytes plain, Saved saved) {
  const std::size_t size = plain.size();
  auto bytes = std::make_shared<Bytes>(std::move(plain));
  return submit(
      size, [this, type, bytes, saved = std::move(saved)] { return process(type, *bytes, saved); });
}

Result<void> BlobWriter::save_packed(const PackedBlob& blob, Bytes packed) {
  const std::size_t size = packed.size();
  auto bytes = std::make_shared<Bytes>(std::move(packed));
  return submit(size, [this, blob, bytes] { return process_packed(blob, *bytes); });
}

bool BlobWriter::relies_on(BlobType type, const Id& id) {
  const auto place = repository_.index().find(type, id);
  if (!place || reliance_.avoids(place->pack)) return false;
  reliance_.on(place->pack);
  return true;
}

// True for the one caller who is to store this blob.
bool BlobWriter::claim(BlobType type, const Id& id) {
  return pending_.with([&](std::array<Pending, 2>& pending) {
    if (relies_on(type, id)) return false;
    return pending[static_cast<std::size_t>(type)].insert(id).second;
  });
}

Result<void> BlobWriter::process(BlobType type, const Bytes& plain, const Saved& saved) {
  const Id id = base::sha256(plain);
  if (claim(type, id)) {
    counters_.bytes_new += plain.size();
    ++counters_.chunks_new;
    // Trees are always compressed: the format asks for it.
    const bool wanted = options_.compression != Compression::off || type == BlobType::tree;
    const Bytes packed = wanted ? compress(plain, options_.compression) : Bytes();
    const bool smaller = !packed.empty() && packed.size() < plain.size();
    Bytes sealed = seal(repository_.key(), smaller ? packed : plain);
    TRY(pack_up(type, id, sealed, smaller ? plain.size() : 0));
  }
  saved(id);
  return {};
}

Result<void> BlobWriter::process_packed(const PackedBlob& blob, const Bytes& packed) {
  if (!claim(blob.type, blob.id)) return {};
  counters_.bytes_new += packed.size();
  ++counters_.chunks_new;
  return pack_up(blob.type, blob.id, seal(repository_.key(), packed), blob.plain_bytes);
}

Result<void> BlobWriter::pack_up(BlobType type, const Id& id, ByteView sealed,
                                 std::size_t plain_bytes) {
  auto full = builders_.with([&](auto& builders) -> std::optional<PackBuilder::Pack> {
    PackBuilder& builder = builders[static_cast<std::size_t>(type)];
    builder.add(type, id, sealed, plain_bytes);
    if (!builder.full()) return std::nullopt;
    return builder.finish(repository_.key(), take_spare());
  });
  return full ? submit_pack(type, std::move(*full)) : Result<void>();
}

Result<void> BlobWriter::submit_pack(BlobType type, PackBuilder::Pack pack) {
  auto shared = std::make_shared<PackBuilder::Pack>(std::move(pack));
  return uploaders_.submit([this, type, shared] { return upload(type, std::move(*shared)); });
}

Bytes BlobWriter::take_spare() {
  return spares_.with([](std::vector<Bytes>& spares) {
    if (spares.empty()) return Bytes();
    Bytes spare = std::move(spares.back());
    spares.pop_back();
    return spare;
  });
}

Result<void> BlobWriter::upload(BlobType type, PackBuilder::Pack pack) {
  const Id id = base::sha256(pack.bytes);
  const std::string name = name_of_file(FileKind::pack, id);
  reliance_.on(id);  // before it is there: prune may find it in no index, and retire it
  TRY_DURING("write " + name,
             repository_.backend().put(name, pack.bytes, storage::PutMode::create_only));
  counters_.bytes_stored += pack.bytes.size();
  spares_.with([&](std::vector<Bytes>& spares) { spares.push_back(std::move(pack.bytes)); });
  repository_.index().add(id, pack.blobs);
  pending_.with([&](std::array<Pending, 2>& pending) {
    for (const PackedBlob& blob : pack.blobs)
      pending[static_cast<std::size_t>(type)].erase(blob.id);
  });
  unsaved_.with([&](Unsaved& unsaved) {
    unsaved.blobs += pack.blobs.size();
    unsaved.packs.push_back({id, std::move(pack.blobs)});
  });
  return save_index(false);
}

// Index files come after the packs that they name, at the latest every five minutes, so that a
// killed backup's work is found again.
Result<void> BlobWriter::save_index(bool all) {
  const auto packs = unsaved_.with([&](Unsaved& unsaved) -> std::vector<IndexedPack> {
    const auto age = std::chrono::steady_clock::now() - unsaved.since;
    if (!all && unsaved.blobs < limits::index_blobs_max && age < limits::index_interval) return {};
    return std::exchange(unsaved, {}).packs;
  });
  if (packs.empty()) return {};
  const Id file = TRY(save_index_file(repository_, reliance_.lock(), packs));
  std::vector<Id> named;
  for (const IndexedPack& pack : packs) named.push_back(pack.id);
  repository_.add_index_file(file, named);
  return {};
}

Result<void> BlobWriter::finish() {
  TRY(workers_.finish());
  for (const BlobType type : {BlobType::data, BlobType::tree}) {
    auto last = builders_.with([&](auto& builders) -> std::optional<PackBuilder::Pack> {
      PackBuilder& builder = builders[static_cast<std::size_t>(type)];
      if (builder.empty()) return std::nullopt;
      return builder.finish(repository_.key());
    });
    if (last) TRY(submit_pack(type, std::move(*last)));
  }
  TRY(uploaders_.finish());
  TRY(save_index(true));
  finished_ = true;
  return {};
}

}  // namespace stillpoint::repository
