// SPDX-License-Identifier: Apache-2.0
#include "repository/repository.h"

#include <algorithm>
#include <array>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "pipeline/ordered.h"
#include "repository/compression.h"
#include "repository/index_file.h"
#include "repository/json_read.h"
#include "repository/key_file.h"
#include "repository/polynomial.h"
#include "storage/range.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;

constexpr std::uint64_t format_version = 2;
constexpr Byte compressed_mark = 2;

std::string_view folder_of(FileKind kind) {
  switch (kind) {
    case FileKind::pack:
      return "data/";
    case FileKind::index:
      return "index/";
    case FileKind::key:
      return "keys/";
    case FileKind::lock:
      return "locks/";
    case FileKind::record:
      return "snapshots/";
    case FileKind::journal:
      return "journals/";
    case FileKind::retired:
      return "retired/";
  }
  return "";
}

std::string encode_config(const std::string& id) {
  return write_json({{"version", format_version},
                     {"id", id},
                     {"chunker_polynomial", fmt::format("{:x}", random_polynomial())}});
}

Result<std::string> decode_config(ByteView text) {
  const Json json = TRY(parse_json(text));
  const std::uint64_t version = number_or(json, "version");
  if (version == 1) {
    return fail(Error{Errc::unsupported, "the repository has format version 1; version 2 is needed",
                      "upgrade it: restic migrate upgrade_repo_v2"});
  }
  if (version != format_version) {
    return fail(Error{Errc::unsupported,
                      fmt::format("the repository has format version {}; this program knows "
                                  "version {}",
                                  version, format_version),
                      "use a newer stillpoint, or restic"});
  }
  return text_or(json, "id");
}

struct FoundKey {
  SealKey key = {};
  Id file = {};
};

Result<FoundKey> find_key(storage::Backend& backend, const base::Secret& password) {
  std::vector<std::string> names;
  TRY(backend.list("keys/", [&](const storage::ObjectInfo& info) -> Result<void> {
    names.push_back(info.name);
    return {};
  }));
  if (names.size() > limits::key_files_max) names.resize(limits::key_files_max);
  std::optional<Error> damaged;
  for (const std::string& name : names) {
    const Bytes text = TRY_DURING("read " + name, backend.get(name));
    Result<std::optional<SealKey>> key = open_key_file(text, password);
    if (!key) {
      damaged = std::move(key.error()).during(name);
    } else if (*key) {
      FoundKey found{**key, {}};
      static_cast<void>(Id::parse(std::string_view(name).substr(name.rfind('/') + 1), found.file));
      return found;
    }
  }
  if (damaged) return fail(*damaged);
  if (names.empty()) return fail(Errc::corrupt, "the repository has a config but no key");
  return fail(Error{Errc::wrong_password, "the password opens none of the repository's keys",
                    "check --password-file, --password-command or STILLPOINT_PASSWORD"});
}

std::vector<Id> not_loaded(const std::vector<Id>& all, const Repository::IndexFiles& loaded) {
  std::vector<Id> fresh;
  for (const Id& id : all) {
    if (!loaded.contains(id)) fresh.push_back(id);
  }
  return fresh;
}

}  // namespace

std::string name_of_file(FileKind kind, const Id& id) {
  const std::string hex = id.hex();
  std::string name(folder_of(kind));
  if (kind == FileKind::pack) name += hex.substr(0, 2) + "/";
  return name + hex;
}

Result<std::unique_ptr<Repository>> Repository::init(std::unique_ptr<storage::Backend> backend,
                                                     const base::Secret& password,
                                                     const ScryptCost& cost) {
  const std::string doing = "create repository " + backend->url();
  const auto existing = backend->stat("config");
  if (existing) {
    return fail(Error{Errc::already_exists, doing + ": there is one already",
                      "choose another place, or use the one that is there"});
  }
  if (existing.error().code != Errc::not_found) return fail(Error(existing.error()).during(doing));

  std::array<Byte, 32> random = {};
  base::secure_random(random);
  const std::string id = base::hex(random);
  const SealKey key = random_key();
  const std::string key_text = TRY_DURING(doing, encode_key_file(key, password, cost));
  // The key first: a repository is there when its config is, and then it can be opened.
  const Id key_id = base::sha256(base::view_of(key_text));
  const std::string key_name = name_of_file(FileKind::key, key_id);
  TRY_DURING(doing, backend->put(key_name, base::view_of(key_text), PutMode::create_only));
  const Bytes config = seal(key, base::view_of(encode_config(id)));
  if (auto put = backend->put("config", config, PutMode::create_only); !put) {
    const auto ignored = backend->remove(key_name);  // the first failure is what matters
    static_cast<void>(ignored);
    return fail(std::move(put.error()).during(doing));
  }
  return std::unique_ptr<Repository>(new Repository(std::move(backend), key, key_id, id));
}

Result<std::unique_ptr<Repository>> Repository::open(std::unique_ptr<storage::Backend> backend,
                                                     const base::Secret& password) {
  const std::string doing = "open repository " + backend->url();
  const Result<Bytes> config = backend->get("config");
  if (!config && config.error().code == Errc::not_found) {
    return fail(Error{Errc::no_repository, doing + ": there is none",
                      "check the place, or create it: stillpoint init --repo " + backend->url()});
  }
  if (!config) return fail(Error(config.error()).during(doing));
  const FoundKey found = TRY_DURING(doing, find_key(*backend, password));
  const Bytes text = TRY_DURING(doing + ": config", unseal(found.key, *config));
  const std::string id = TRY_DURING(doing, decode_config(text));
  return std::unique_ptr<Repository>(new Repository(std::move(backend), found.key, found.file, id));
}

void Repository::cache_in(std::unique_ptr<storage::CacheFolder> folder) {
  auto cached = std::make_unique<storage::Cached>(std::move(backend_), std::move(folder));
  cache_ = cached.get();
  backend_ = std::move(cached);
}

void Repository::read_past_cache() {
  if (cache_ == nullptr) return;
  cache_->read_past();
  drop_index();
}

SealedFile Repository::seal_file(std::string_view text) const {
  Bytes plain{compressed_mark};
  base::append(plain, compress(base::view_of(text), Compression::automatic));
  SealedFile file;
  file.bytes = seal(key_, plain);
  file.id = base::sha256(file.bytes);
  return file;
}

Result<void> Repository::put_file(FileKind kind, const SealedFile& file) {
  const std::string name = name_of_file(kind, file.id);
  TRY_DURING("write " + name, backend_->put(name, file.bytes, PutMode::create_only));
  return {};
}

Result<Id> Repository::save_file(FileKind kind, std::string_view text) {
  const SealedFile file = seal_file(text);
  Result<void> done = put_file(kind, file);
  if (done) return file.id;
  // It may be there, whole or not: who reads it next must not stumble over it.
  if (const auto removed = remove_file(kind, file.id); !removed) {
    log(LogLevel::info, "take back {}: {}", name_of_file(kind, file.id), removed.error().message);
  }
  return fail(std::move(done.error()));
}

Result<Bytes> Repository::load_file(FileKind kind, const Id& id) const {
  const std::string name = name_of_file(kind, id);
  const Bytes sealed = TRY_DURING("read " + name, backend_->get(name));
  if (base::sha256(sealed) != id) {
    return fail(Errc::corrupt, "read {}: its bytes do not have the hash that is its name", name);
  }
  Bytes plain = TRY_DURING("read " + name, unseal(key_, sealed));
  if (!plain.empty() && plain[0] == compressed_mark) {
    return TRY_DURING("read " + name,
                      decompress_stream(ByteView(plain).subspan(1), limits::object_bytes_max));
  }
  if (plain.empty() || (plain[0] != '{' && plain[0] != '[')) {
    return fail(Errc::corrupt, "read {}: neither JSON nor compressed", name);
  }
  return plain;
}

Result<void> Repository::remove_file(FileKind kind, const Id& id) {
  return backend_->remove(name_of_file(kind, id));
}

Result<std::unordered_map<Id, std::uint64_t>> Repository::list_sizes(FileKind kind) const {
  std::unordered_map<Id, std::uint64_t> sizes;
  const auto listed =
      backend_->list(folder_of(kind), [&](const storage::ObjectInfo& info) -> Result<void> {
        Id id;
        const std::size_t slash = info.name.rfind('/');
        if (Id::parse(std::string_view(info.name).substr(slash + 1), id)) sizes[id] = info.bytes;
        return {};
      });
  TRY_DURING("list " + std::string(folder_of(kind)), Result<void>(listed));
  return sizes;
}

Result<std::vector<Id>> Repository::list_files(FileKind kind) const {
  std::vector<Id> ids;
  const auto sizes = TRY(list_sizes(kind));
  for (const auto& [id, bytes] : sizes) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<void> Repository::read_index_files(const std::vector<Id>& files, std::stop_token stop,
                                          Unreadable* unreadable) {
  struct Loaded {
    Id id = {};
    Result<Bytes> text = Bytes();
  };
  std::size_t next = 0;
  const auto source = [&]() -> Result<std::optional<Id>> {
    return next < files.size() ? std::optional<Id>(files[next++]) : std::nullopt;
  };
  const auto load = [&](Id id) -> Result<Loaded> {
    return Loaded{id, load_file(FileKind::index, id)};
  };
  const auto decode = [&](Loaded loaded) -> Result<void> {
    std::vector<std::uint32_t> packs;
    const auto keep = [&](IndexedPack pack) { packs.push_back(index_.add(pack.id, pack.blobs)); };
    Result<void> read;
    if (loaded.text) {
      read = decode_index_file(*loaded.text, keep);
    } else {
      read = fail(std::move(loaded.text.error()));
    }
    if (!read && unreadable != nullptr && read.error().code == Errc::corrupt) {
      unreadable->emplace_back(loaded.id, std::move(read.error()));
    } else {
      TRY_DURING("index " + loaded.id.brief(), std::move(read));
    }
    index_files_.with([&](IndexFiles& known) { known[loaded.id] = std::move(packs); });
    return {};
  };
  // Two at a time: reading one while the other is parsed; more would only hold more memory.
  return pipeline::run_ordered<Id, Loaded>({2, 2}, std::move(stop), source, load, decode);
}

// Prune replaces index files while we read, first writing new ones, then removing old ones: what
// was listed may be gone when it is read, and a list may have missed both. So it lists until
// nothing has changed.
Result<void> Repository::load_index(std::stop_token stop, Unreadable* unreadable) {
  constexpr int rounds_max = 20;
  for (int round = 1;; ++round) {
    const std::vector<Id> all = TRY(list_files(FileKind::index));
    std::vector<Id> fresh = not_loaded(all, index_files());
    if (all.size() - fresh.size() < index_files().size()) {
      drop_index();
      fresh = all;
    }
    if (fresh.empty()) return {};
    const Result<void> read = read_index_files(fresh, stop, unreadable);
    if (!read && (read.error().code != Errc::not_found || round == rounds_max)) return read;
  }
}

Result<void> Repository::load_index_additions(std::stop_token stop) {
  const std::vector<Id> all = TRY(list_files(FileKind::index));
  const std::vector<Id> fresh = not_loaded(all, index_files());
  if (all.size() - fresh.size() < index_files().size()) {
    return fail(Error{Errc::locked, "somebody else has removed index files meanwhile",
                      "run the same command again"});
  }
  return read_index_files(fresh, std::move(stop), nullptr);
}

void Repository::drop_index() {
  index_.clear();
  index_files_.with([](IndexFiles& known) { known.clear(); });
}

Repository::IndexFiles Repository::index_files() const {
  return index_files_.with([](const IndexFiles& known) { return known; });
}

void Repository::add_index_file(const Id& id, const std::vector<Id>& packs) {
  std::vector<std::uint32_t> numbers;
  for (const Id& pack : packs) {
    if (const auto number = index_.pack_number(pack)) numbers.push_back(*number);
  }
  index_files_.with([&](IndexFiles& known) { known[id] = std::move(numbers); });
}

Result<Bytes> open_blob(const SealKey& key, const PackedBlob& blob, ByteView sealed) {
  Bytes plain = TRY(unseal(key, sealed));
  if (blob.plain_bytes != 0) {
    if (blob.plain_bytes > limits::blob_bytes_max) return fail(Errc::corrupt, "impossibly large");
    plain = TRY(decompress(plain, blob.plain_bytes));
  }
  if (base::sha256(plain) != blob.id) {
    return fail(Errc::corrupt, "its bytes do not have the hash that is its name");
  }
  return plain;
}

Result<Bytes> Repository::load_blob(BlobType type, const Id& id) const {
  const auto place = index_.find(type, id);
  if (!place) {
    return fail(Error{Errc::corrupt, "blob " + id.brief() + " is in no index",
                      "run: stillpoint check --read-data"});
  }
  const std::string name = name_of_file(FileKind::pack, place->pack);
  const std::string doing = "blob " + id.brief() + " in " + name;
  const storage::ByteRange range{place->blob.offset, place->blob.length};
  Bytes plain;
  const auto open = [&](ByteView sealed) -> Result<void> {
    plain = TRY(open_blob(key_, place->blob, sealed));
    return {};
  };
  if (type == BlobType::tree && cache_ != nullptr) {
    TRY_DURING(doing, cache_->get_piece(name, range, open));
  } else {
    TRY_DURING(doing, open(TRY_DURING(doing, get_exactly(*backend_, name, range))));
  }
  return plain;
}

Result<std::vector<Record>> Repository::records(std::stop_token stop) const {
  std::vector<Record> all;
  for (const Id& id : TRY(list_files(FileKind::record))) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const Result<Bytes> text = load_file(FileKind::record, id);
    if (!text && text.error().code == Errc::not_found) continue;  // forgotten in this moment
    if (!text) return fail(Error(text.error()));
    all.push_back(TRY_DURING("backup " + id.brief(), decode_record(*text)));
    all.back().id = id;
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Record& a, const Record& b) { return a.time < b.time; });
  return all;
}

}  // namespace stillpoint::repository
