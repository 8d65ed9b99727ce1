// SPDX-License-Identifier: Apache-2.0
// Stores blobs: each chunk goes through all steps (hash, known?, compress, seal) on one worker;
// full packs are uploaded by threads of their own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <unordered_set>
#include <vector>

#include "base/guarded.h"
#include "pipeline/byte_budget.h"
#include "pipeline/worker_pool.h"
#include "repository/compression.h"
#include "repository/index_file.h"
#include "repository/pack.h"
#include "repository/reliance.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct WriteOptions {
  Compression compression = Compression::automatic;
  std::size_t pack_bytes = 32 << 20;
  std::size_t workers = 0;  // 0: one for each core
};

// What was written so far; read by progress displays while it grows.
struct WriteCounters {
  std::atomic<std::uint64_t> bytes_read = 0;    // given to save()
  std::atomic<std::uint64_t> bytes_new = 0;     // of them, not in the repository before
  std::atomic<std::uint64_t> bytes_stored = 0;  // packs, as uploaded
  std::atomic<std::uint64_t> chunks = 0;
  std::atomic<std::uint64_t> chunks_new = 0;
};

// save() may be called from several threads. The repository's index must be loaded. What was
// uploaded before a failure or a stop stays, indexed or not, and harms nobody. Packs that are used
// or stored are noted in `reliance`, which must outlive it; nothing is indexed once its lock is
// lost.
class BlobWriter {
 public:
  BlobWriter(Repository& repository, const WriteOptions& options, Reliance& reliance,
             std::stop_token stop);
  // Without finish(): cancels, and indexes what is stored already, so that the next backup uses it.
  ~BlobWriter();

  // `saved` is called with the blob's id, on a worker; the blob may still be on its way then.
  using Saved = std::function<void(const Id&)>;
  Result<void> save(BlobType type, Bytes plain, Saved saved);
  // A blob as another repository has it, opened: compressed, or not where plain_bytes is 0. It has
  // been held against its id. It is stored as it is.
  Result<void> save_packed(const PackedBlob& blob, Bytes packed);
  // Whether a blob is there already. If so, it need not be saved: the backup relies on it.
  bool relies_on(BlobType type, const Id& id);
  // Waits until every blob is in a pack, every pack stored and every index file after it.
  Result<void> finish();
  const WriteCounters& counters() const { return counters_; }
  // The first failure or stop request.
  const pipeline::FirstError& failure() const { return failure_; }

 private:
  struct Unsaved {  // packs that are stored and not yet in an index file
    std::vector<IndexedPack> packs = {};
    std::size_t blobs = 0;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  };
  using Pending = std::unordered_set<Id>;

  Result<void> submit(std::size_t bytes, std::function<Result<void>()> work);
  Result<void> process(BlobType type, const Bytes& plain, const Saved& saved);
  Result<void> process_packed(const PackedBlob& blob, const Bytes& packed);
  bool claim(BlobType type, const Id& id);
  Result<void> pack_up(BlobType type, const Id& id, ByteView sealed, std::size_t plain_bytes);
  Result<void> submit_pack(BlobType type, PackBuilder::Pack pack);
  Result<void> upload(BlobType type, PackBuilder::Pack pack);
  Bytes take_spare();
  Result<void> save_index(bool all);

  Repository& repository_;
  const WriteOptions options_;
  Reliance& reliance_;
  WriteCounters counters_;
  pipeline::FirstError failure_;
  decltype(failure_.follow({})) following_;
  pipeline::ByteBudget budget_;
  // Blobs of this run that are not in the index yet, of data and of trees.
  base::Guarded<std::array<Pending, 2>> pending_;
  base::Guarded<std::array<PackBuilder, 2>> builders_;
  base::Guarded<std::vector<Bytes>> spares_;  // memory of packs that are stored
  base::Guarded<Unsaved> unsaved_;
  // Last: their threads use everything above, and uploaders_ is used by workers_.
  pipeline::WorkerPool uploaders_;
  pipeline::WorkerPool workers_;
  bool finished_ = false;
};

}  // namespace stillpoint::repository
