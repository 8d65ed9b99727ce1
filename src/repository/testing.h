// SPDX-License-Identifier: Apache-2.0
// For tests of the repository and of what stands on it.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"
#include "repository/backup_reader.h"
#include "repository/backup_writer.h"
#include "repository/repository.h"
#include "storage/backend.h"

namespace stillpoint::repository {

inline constexpr ScryptCost cheap_cost{2, 8, 1};  // a test opens hundreds of repositories

inline base::Secret test_password() {
  return base::Secret(std::string("correct horse"));
}

inline std::unique_ptr<Repository> init_test_repository(std::unique_ptr<storage::Backend> backend) {
  auto made = Repository::init(std::move(backend), test_password(), cheap_cost);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

inline std::unique_ptr<Repository> open_test_repository(std::unique_ptr<storage::Backend> backend) {
  auto opened = Repository::open(std::move(backend), test_password());
  EXPECT_TRUE(opened) << opened.error().message;
  return std::move(*opened);
}

inline Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  Bytes bytes(size);
  base::Random(seed).fill(bytes);
  return bytes;
}

inline Record test_record() {
  Record record;
  record.time = base::now();
  record.hostname = "bank";
  record.paths = {"/stillpoint/bank"};
  record.tags = {"stillpoint", "proven"};
  record.program = "test";
  return record;
}

// A backup with one file "f" of these bytes.
inline Result<Record> back_up_bytes(Repository& repository, ByteView bytes,
                                    const WriteOptions& options = {}) {
  auto writer = TRY(BackupWriter::begin(repository, options, {}));
  FileWriter file(writer->blobs(), ChunkSizes{16 << 10, 64 << 10, 256 << 10});
  TRY(file.write(0, bytes));
  TRY(writer->add_file("f", TRY(file.finish())));
  return writer->finish(test_record());
}

inline Result<Bytes> read_back(const Repository& repository, const Record& record,
                               const std::string& path = "f") {
  const Node node = TRY(find_node(repository, record.tree, path));
  return read_whole_file(repository, node, 1U << 30, {});
}

}  // namespace stillpoint::repository
