// SPDX-License-Identifier: Apache-2.0
#include "backup/switch_journal.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/process.h"
#include "repository/host.h"

namespace stillpoint::backup {
namespace {

using Json = nlohmann::json;

constexpr int journal_format = 1;
constexpr std::size_t journal_bytes_max = 16 * limits::MiB;
constexpr std::string_view extension = ".switch";

}  // namespace

bool SwitchJournal::is_at_work() const {
  if (host != repository::this_host().name || pid == 0) return false;
  const auto process = static_cast<pid_t>(pid);
  return process != ::getpid() && base::process_exists(process);
}

std::string encode_journal(const SwitchJournal& journal) {
  Json databases = Json::array();
  for (const SwitchEntry& entry : journal.databases) {
    databases.push_back(
        {{"name", entry.name}, {"kind", entry.kind}, {"url", entry.url}, {"ticket", entry.ticket}});
  }
  const Json json = {{"format", journal_format}, {"id", journal.id},
                     {"backup", journal.backup}, {"host", journal.host},
                     {"pid", journal.pid},       {"begun", base::format_time(journal.begun)},
                     {"databases", databases}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<SwitchJournal> decode_journal(ByteView text) {
  try {
    const Json json = Json::parse(base::text_of(text));
    if (json.at("format") != journal_format) {
      return fail(Error{Errc::unsupported, "the journal has a format that is not known here",
                        "use the version of stillpoint that began the switch"});
    }
    SwitchJournal journal;
    journal.id = json.at("id");
    journal.backup = json.at("backup");
    journal.host = json.at("host");
    journal.pid = json.at("pid");
    journal.begun = TRY(base::parse_time(json.at("begun").get<std::string>()));
    const Json& databases = json.at("databases");
    for (const Json& one : databases) {
      journal.databases.push_back(
          {one.at("name"), one.at("kind"), one.at("url"), one.at("ticket")});
    }
    return journal;
  } catch (const Json::exception& error) {
    return fail(Errc::corrupt, "the journal cannot be read: {}", error.what());
  }
}

struct SwitchJournals::Stored {
  SwitchJournal journal = {};
  std::string file = {};          // in the folder, or
  std::optional<Id> object = {};  // in the repository
};

Result<void> SwitchJournals::write(const SwitchJournal& journal) const {
  const std::string text = encode_journal(journal);
  const std::string file = folder_ + "/" + journal.id + std::string(extension);
  TRY_DURING("write the journal of the switch", base::make_directories(folder_));
  TRY_DURING("write the journal of the switch", base::replace_file(file, base::view_of(text)));
  if (repository_ == nullptr) return {};
  const auto saved = repository_->save_file(repository::FileKind::journal, text);
  if (saved) return {};
  log(LogLevel::warning,
      "the journal of the switch is in {} only, since the repository cannot be written to: {}",
      folder_, saved.error().message);
  return {};
}

Result<std::vector<SwitchJournals::Stored>> SwitchJournals::stored() const {
  std::vector<Stored> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != extension) continue;
    const std::string file = at->path().string();
    const Bytes text = TRY_DURING("read " + file, base::read_file(file, journal_bytes_max));
    all.push_back({
      TRY_DURING("read " + file, decode_journal(text))
      , file, {}
    });
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(base::system_error("look for journals in " + folder_, error.value()));
  }
  if (repository_ == nullptr) return all;
  const auto ids = TRY(repository_->list_files(repository::FileKind::journal));
  for (const Id& id : ids) {
    const auto text = repository_->load_file(repository::FileKind::journal, id);
    if (!text && text.error().code == Errc::not_found) continue;  // finished meanwhile
    if (!text) return fail(Error(text.error()).during("read the journal of a switch"));
    all.push_back({
      TRY(decode_journal(*text))
      , {}, id
    });
  }
  return all;
}

Result<std::vector<SwitchJournal>> SwitchJournals::list() const {
  std::vector<SwitchJournal> journals;
  const std::vector<Stored> all = TRY(stored());
  for (const Stored& one : all) {
    const bool known = std::any_of(journals.begin(), journals.end(),
                                   [&](const auto& other) { return other.id == one.journal.id; });
    if (!known) journals.push_back(one.journal);
  }
  return journals;
}

Result<void> SwitchJournals::remove(const std::string& id) const {
  const std::string removing = "remove the journal of the switch";
  std::vector<Stored> all = TRY(stored());
  // The repository's first: the other one is enough to find it again.
  std::partition(all.begin(), all.end(), [](const Stored& one) { return one.object.has_value(); });
  for (const Stored& one : all) {
    if (one.journal.id != id) continue;
    if (one.object) {
      TRY_DURING(removing, repository_->remove_file(repository::FileKind::journal, *one.object));
    } else if (::unlink(one.file.c_str()) != 0 && errno != ENOENT) {
      return fail(base::system_error(removing, errno));
    }
  }
  if (std::filesystem::is_directory(folder_)) return base::sync_directory(folder_);
  return {};
}

}  // namespace stillpoint::backup
