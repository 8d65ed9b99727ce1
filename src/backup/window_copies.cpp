// SPDX-License-Identifier: Apache-2.0
#include "backup/window_copies.h"

#include <algorithm>

namespace stillpoint::backup {
namespace {

constexpr const char* folder = "windows/";
constexpr std::chrono::minutes clocks_differ{1};
constexpr std::size_t copies_max = 1000;

// Storages take lower case only.
std::string name_of(const std::string& id) {
  std::string name = folder + id;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

Result<window::Record> load(const repository::Repository& repository, const std::string& name) {
  const Bytes sealed = TRY(repository.backend().get(name, {}));
  const Bytes plain = TRY(repository::unseal(repository.key(), sealed));
  return window::decode_journal(base::text_of(plain));
}

}  // namespace

Result<void> WindowCopies::put(const std::string& id, const std::string& first_line) {
  return repository_.backend().put(name_of(id),
                                   repository::seal(repository_.key(), base::view_of(first_line)),
                                   storage::PutMode::create_only);
}

Result<void> WindowCopies::remove(const std::string& id) {
  return repository_.backend().remove(name_of(id));
}

Result<std::vector<window::Recovery>> recover_window_copies(
    const repository::Repository& repository, const std::filesystem::path& journals,
    base::Duration time) {
  const std::string doing = "let go by the repository's journals";
  std::vector<std::string> names;
  TRY_DURING(doing, repository.backend().list(folder, [&](const storage::ObjectInfo& object) {
    if (names.size() < copies_max) names.push_back(object.name);
    return Result<void>();
  }));
  std::vector<window::Recovery> recovered;
  for (const std::string& name : names) {
    Result<window::Record> record = load(repository, name);
    if (!record && record.error().code == Errc::not_found) continue;  // let go meanwhile
    if (!record) return fail(std::move(record.error()).during(doing + ": " + name));
    if (record->let_go_by + clocks_differ > base::now()) continue;
    std::error_code ignored;
    if (record->host == window::host_name()) {
      if (std::filesystem::exists(journals / window::file_of(record->id), ignored)) continue;
      TRY_DURING(doing, repository.backend().remove(name));
      continue;
    }
    recovered.push_back(TRY_DURING(doing, window::let_go_all_of(*record, time, nullptr)));
    if (recovered.back().left.empty()) TRY_DURING(doing, repository.backend().remove(name));
  }
  return recovered;
}

}  // namespace stillpoint::backup
