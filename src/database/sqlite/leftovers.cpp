// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/leftovers.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include <unistd.h>

#include "base/process.h"
#include "base/random.h"
#include "base/text.h"
#include "database/sqlite/file_switch.h"
#include "database/sqlite/location.h"

namespace stillpoint::database::sqlite {
namespace {

constexpr std::string_view staged_mark = ".stillpoint-";
constexpr std::string_view ready_mark = ".stillpoint-ready-";
constexpr std::string_view kept_mark = "_before_";

// The process that staged "bank.db.stillpoint-4711-k3v9"; nothing where the name is another's.
std::optional<pid_t> stager_of(std::string_view name, const std::string& file) {
  const std::string front = file + std::string(staged_mark);
  pid_t pid = 0;
  if (!name.starts_with(front)) return std::nullopt;
  const char* digits = name.data() + front.size();
  const auto [stop, error] = std::from_chars(digits, name.data() + name.size(), pid);
  const bool ours = error == std::errc() && stop != name.data() + name.size() && *stop == '-';
  return ours && pid > 0 ? std::optional<pid_t>(pid) : std::nullopt;
}

// Whether `name` is what kept_name() calls an old `file`: "bank_before_20261121T083000Z.db".
bool is_kept(std::string_view name, const std::filesystem::path& file) {
  const std::string front = file.stem().string() + std::string(kept_mark);
  const std::string end = file.extension().string();
  if (!name.starts_with(front) || !name.ends_with(end)) return false;
  name.remove_prefix(front.size());
  const std::string_view time = name.substr(0, std::min<std::size_t>(name.size(), 16));
  return time.size() == 16 && time[8] == 'T' && time[15] == 'Z' &&
         std::all_of(time.begin(), time.begin() + 8, ::isdigit) &&
         std::all_of(time.begin() + 9, time.begin() + 15, ::isdigit);
}

std::uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::uintmax_t bytes = std::filesystem::file_size(path, ignored);
  return ignored ? 0 : bytes;
}

}  // namespace

std::string staged_name(const std::string& path) {
  return fmt::format("{}{}{}-{}", path, staged_mark, ::getpid(), base::random_token());
}

std::string ready_name(const std::string& path) {
  return path + std::string(ready_mark) + base::random_token();
}

Result<std::vector<Leftover>> leftovers_of(const std::string& path) {
  const std::filesystem::path file(path);
  std::vector<Leftover> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(file.parent_path(), error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    Leftover leftover;
    leftover.name = at->path().string();
    leftover.bytes = bytes_of(at->path());
    const std::string size = " (" + base::display_bytes(leftover.bytes) + ")";
    if (const auto pid = stager_of(name, file.filename().string())) {
      leftover.in_use = base::process_exists(*pid);
      leftover.description = leftover.name + size + ", staged by a restore";
    } else if (name.starts_with(file.filename().string() + std::string(ready_mark))) {
      leftover.ready = true;
      leftover.description =
          leftover.name + size + ", staged by a restore and ready to be switched";
    } else if (is_kept(name, file)) {
      leftover.what = Leftover::What::kept;
      leftover.in_use = !TRY(base::openers_of(leftover.name))
      .empty();
      leftover.description = leftover.name + size + ", replaced by a restore";
    } else {
      continue;
    }
    found.push_back(std::move(leftover));
  }
  if (error) {
    return fail(base::system_error("look into " + file.parent_path().string(), error.value()));
  }
  std::sort(found.begin(), found.end(),
            [](const Leftover& a, const Leftover& b) { return a.name < b.name; });
  return found;
}

Result<std::vector<Leftover>> leftovers(const Address& address) {
  return leftovers_of(follow_links(TRY(path_of(address.url))));
}

Result<void> remove_leftover(const Address&, const Leftover& leftover) {
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    if (::unlink((leftover.name + suffix).c_str()) != 0 && errno != ENOENT) {
      return fail(base::system_error("remove " + leftover.name + suffix, errno));
    }
  }
  return {};
}

}  // namespace stillpoint::database::sqlite
