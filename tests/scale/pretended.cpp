// SPDX-License-Identifier: Apache-2.0
#include "tests/scale/pretended.h"

#include "base/limits.h"
#include "repository/index_file.h"
#include "repository/pack.h"
#include "repository/tree.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::scale {

using repository::BlobType;
using repository::FileKind;
using repository::Node;
using repository::NodeType;
using repository::PackBuilder;
using repository::Repository;

namespace {

constexpr std::uint64_t packs_a_file = 50;
constexpr std::uint64_t chunks_a_folder = 64'000;
constexpr std::uint32_t blob_bytes = 32'000;

Id id_of(std::uint64_t number) {
  Id id;
  base::Random(number).fill(id.bytes);
  return id;
}
Id pack_id(std::uint64_t pack) {
  return id_of((1ULL << 40) + pack);
}

repository::IndexedPack pretended_pack(std::uint64_t pack, std::uint64_t blobs) {
  repository::IndexedPack made{pack_id(pack), std::vector<repository::PackedBlob>(blobs)};
  for (std::uint32_t i = 0; i < blobs; ++i) {
    made.blobs[i] = {id_of(pack * blobs + i), BlobType::data, i * blob_bytes, blob_bytes, 0};
  }
  return made;
}

// Lists the packs of chunks as if they were there.
class Pretending : public storage::Decorator {
 public:
  Pretending(std::unique_ptr<Backend> inner, const Size& size)
      : Decorator(std::move(inner)),
        packs_(size.packs),
        bytes_(repository::packed_bytes(pretended_pack(0, size.blobs_a_pack).blobs)) {}
  Result<void> list(std::string_view prefix, const storage::Visit& visit) override {
    if (prefix == "data/") {
      for (std::uint64_t pack = 0; pack < packs_; ++pack) {
        TRY(visit({repository::name_of_file(FileKind::pack, pack_id(pack)), bytes_}));
      }
    }
    return Decorator::list(prefix, visit);
  }

 private:
  std::uint64_t packs_;
  std::uint64_t bytes_;
};

// Folders of the backups, in packs that are there.
class Folders {
 public:
  explicit Folders(Repository& repository) : repository_(repository) {}

  Result<Id> add(const std::vector<Node>& nodes) {
    const std::string text = repository::encode_tree(nodes);
    const Id id = base::sha256(base::view_of(text));
    trees_.add(BlobType::tree, id, repository::seal(repository_.key(), base::view_of(text)), 0);
    if (trees_.full()) TRY(flush());
    return id;
  }
  std::uint64_t packs() const { return packs_; }
  Result<void> flush() {
    ++packs_;
    const PackBuilder::Pack pack = trees_.finish(repository_.key());
    const Id id = base::sha256(pack.bytes);
    TRY(repository_.backend().put(repository::name_of_file(FileKind::pack, id), pack.bytes,
                                  storage::PutMode::create_only));
    TRY(repository_.save_file(FileKind::index, repository::encode_index_file({{id, pack.blobs}})));
    return {};
  }

 private:
  Repository& repository_;
  std::uint64_t packs_ = 0;
  PackBuilder trees_{16 * limits::MiB};
};

}  // namespace

Pretended::Pretended(const Size& size)
    : size_(size),
      folder_(std::filesystem::temp_directory_path() / ("pretended-" + base::random_token())) {
  const auto repository = repository::init_test_repository(backend());
  EXPECT_TRUE(make_index(*repository));
  EXPECT_TRUE(make_backups(*repository));
}

std::unique_ptr<storage::Backend> Pretended::backend() const {
  return std::make_unique<Pretending>(*storage::open(folder_.string()), size_);
}

std::unique_ptr<Repository> Pretended::open() const {
  return repository::open_test_repository(backend());
}

Result<void> Pretended::make_index(Repository& repository) const {
  std::vector<repository::IndexedPack> file;
  for (std::uint64_t pack = 0; pack < size_.packs; ++pack) {
    file.push_back(pretended_pack(pack, size_.blobs_a_pack));
    if (file.size() < packs_a_file && pack + 1 < size_.packs) continue;
    TRY(repository.save_file(FileKind::index, repository::encode_index_file(file)));
    file.clear();
  }
  return {};
}

Result<void> Pretended::make_backups(Repository& repository) {
  Folders folders(repository);
  std::vector<Node> root;
  std::uint64_t chunk = 0;
  while (chunk < size_.blobs()) {
    Node part;
    part.name = "part";
    while (part.content.size() < chunks_a_folder && chunk < size_.blobs()) {
      part.content.push_back(id_of(chunk));
      if (++chunk % size_.blobs_a_pack == 0) chunk += size_.blobs_a_pack;
    }
    part.size = part.content.size() * (blob_bytes - repository::seal_overhead);
    const Id folder = TRY(folders.add({part}));
    root.push_back({fmt::format("{:06}", root.size()), NodeType::folder, 0, {}, folder});
  }
  std::vector<repository::Record> records(size_.backups, repository::test_record());
  for (std::uint64_t day = 0; day < size_.backups; ++day) {
    Node note;
    note.name = fmt::format("day-{}", day);
    std::vector<Node> own = root;
    const Id folder = TRY(folders.add({note}));
    own.push_back({"note", NodeType::folder, 0, {}, folder});
    records[day].tree = TRY(folders.add(own));
    records[day].time += std::chrono::hours(24 * day);
  }
  TRY(folders.flush());
  folder_packs_ = folders.packs();
  for (const repository::Record& record : records) {
    TRY(repository.save_file(FileKind::record, repository::encode_record(record)));
  }
  return {};
}

}  // namespace stillpoint::scale
