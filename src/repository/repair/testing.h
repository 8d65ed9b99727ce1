// SPDX-License-Identifier: Apache-2.0
// For tests of repairs: packs that are damaged to order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "repository/crypto.h"
#include "repository/index_file.h"
#include "repository/pack.h"
#include "repository/prune/testing.h"
#include "repository/repair/repair_packs.h"

namespace stillpoint::repository {

class RepairCase : public PruneCase {
 protected:
  static Id id_of(std::uint64_t block) { return base::sha256(bytes_of({block})); }

  // The name of the pack that a block is found in.
  std::string pack_of(std::uint64_t block) const {
    const auto repository = open();
    EXPECT_TRUE(repository->load_index({}));
    return name_of_file(FileKind::pack,
                        repository->index().find(BlobType::data, id_of(block))->pack);
  }
  void put(const std::string& name, ByteView bytes) const {
    ASSERT_TRUE(backend()->put(name, bytes, storage::PutMode::replace));
  }
  void flip_at(const std::string& name, std::size_t offset) const {
    Bytes bytes = backend()->get(name).value();
    bytes.at(offset) ^= 1;
    put(name, bytes);
  }
  // A byte of this block in that pack.
  void flip(const std::string& name, std::uint64_t block) const {
    const auto repository = open();
    ASSERT_TRUE(repository->load_index({}));
    flip_at(name, repository->index().find(BlobType::data, id_of(block))->blob.offset + 20);
  }
  // A pack with blocks that lie in others, too, and that the index names. Its name.
  std::string store_copy(const Blocks& blocks) const {
    const auto repository = open();
    PackBuilder builder(pack_bytes);
    for (const std::uint64_t block : blocks) {
      const Bytes plain = bytes_of({block});
      builder.add(BlobType::data, base::sha256(plain), seal(repository->key(), plain), 0);
    }
    const PackBuilder::Pack pack = builder.finish(repository->key());
    const Id id = base::sha256(pack.bytes);
    put(name_of_file(FileKind::pack, id), pack.bytes);
    EXPECT_TRUE(
        repository->save_file(FileKind::index, encode_index_file({IndexedPack{id, pack.blobs}})));
    return name_of_file(FileKind::pack, id);
  }
  // Writes every index file anew, each pack of it altered.
  void alter_index(const std::function<void(IndexedPack&)>& alter) const {
    const auto repository = open();
    const std::vector<Id> files = repository->list_files(FileKind::index).value();
    for (const Id& id : files) {
      std::vector<IndexedPack> packs;
      const Bytes text = repository->load_file(FileKind::index, id).value();
      ASSERT_TRUE(decode_index_file(text, [&](IndexedPack pack) {
        alter(pack);
        packs.push_back(std::move(pack));
      }));
      ASSERT_TRUE(repository->remove_file(FileKind::index, id));
      ASSERT_TRUE(repository->save_file(FileKind::index, encode_index_file(packs)));
    }
  }

  static RepairPacksOptions repair_options(std::vector<std::string> packs = {}) {
    RepairPacksOptions options;
    options.packs = std::move(packs);
    options.pack_bytes = pack_bytes;
    options.switch_wait = {};
    return options;
  }
  static Result<RepairPacksReport> repair(Repository& repository,
                                          const RepairPacksOptions& options) {
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    return repair_packs(repository, options, {total, done}, {});
  }
  RepairPacksReport repair_now(std::vector<std::string> packs = {}) const {
    auto report = repair(*open(), repair_options(std::move(packs)));
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : RepairPacksReport();
  }
};

}  // namespace stillpoint::repository
