// SPDX-License-Identifier: Apache-2.0
#include "window/journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"

namespace stillpoint::window {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t journal_bytes_max = 16 * 1024 * 1024;
constexpr const char* suffix = ".window";
constexpr const char* given_up_line = "{\"given_up\":true}";

Json json_of(const JournalService& service) {
  Json endpoints = Json::array();
  for (const Endpoint& endpoint : service.endpoints) {
    endpoints.push_back(
        {{"host", endpoint.address.host}, {"port", endpoint.address.port}, {"ip", endpoint.ip}});
  }
  return {{"tls", service.tls.on},
          {"ca_pem", service.tls.ca_pem},
          {"authority", service.tls.authority},
          {"instances", endpoints}};
}

JournalService service_of(const Json& json) {
  JournalService service;
  service.tls.on = json.at("tls").get<bool>();
  service.tls.ca_pem = json.at("ca_pem").get<std::string>();
  service.tls.authority = json.at("authority").get<std::string>();
  for (const Json& entry : json.at("instances")) {
    Endpoint endpoint;
    endpoint.address.host = entry.at("host").get<std::string>();
    endpoint.address.port = entry.at("port").get<std::uint16_t>();
    endpoint.ip = entry.at("ip").get<std::string>();
    service.endpoints.push_back(std::move(endpoint));
  }
  return service;
}

Result<Record> decode_first(std::string_view line) {
  try {
    const Json json = Json::parse(line);
    if (json.at("version").get<int>() != 1) {
      return fail(Error{Errc::unsupported, "the journal is of a newer version",
                        "let them go by the version of stillpoint that wrote it"});
    }
    Record record;
    record.id = json.at("id").get<std::string>();
    record.host = json.at("host").get<std::string>();
    record.pid = json.at("pid").get<int>();
    record.begun = TRY(base::parse_time(json.at("begun").get<std::string>()));
    record.let_go_by = TRY(base::parse_time(json.at("let_go_by").get<std::string>()));
    for (const Json& service : json.at("services")) record.services.push_back(service_of(service));
    return record;
  } catch (const nlohmann::json::exception& e) {
    return fail(Errc::corrupt, "the journal's first line: {}", base::printable(e.what()));
  }
}

// The instance that a later line is done with; empty for a line that is torn.
std::string done_with(const std::string& line) {
  try {
    const Json json = Json::parse(line);
    for (const char* key : {"not_ours", "let_go"}) {
      if (json.contains(key)) return json.at(key).get<std::string>();
    }
  } catch (const nlohmann::json::exception&) {
  }
  return {};
}

// Whatever name it was found by.
std::string place_of(const Endpoint& endpoint) {
  return net::to_text({endpoint.ip, endpoint.address.port});
}

std::string line_of(const char* what, const Endpoint& endpoint) {
  const Json line = {{what, place_of(endpoint)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool same_file(const base::File& file, const fs::path& path) {
  struct stat ours = {};
  struct stat there = {};
  return ::fstat(file.descriptor(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name = {};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string file_of(const std::string& id) {
  return id + suffix;
}

std::string encode_record(const Record& record) {
  Json services = Json::array();
  for (const JournalService& service : record.services) services.push_back(json_of(service));
  const Json json = {{"version", 1},
                     {"id", record.id},
                     {"host", record.host},
                     {"pid", record.pid},
                     {"begun", base::format_time(record.begun)},
                     {"let_go_by", base::format_time(record.let_go_by)},
                     {"services", services}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Record> decode_journal(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail(Errc::corrupt, "the journal is not whole");
  Record record = TRY(decode_first(text.substr(0, end)));
  std::set<std::string> done;
  for (const std::string& line : base::split(text.substr(end + 1), '\n')) {
    const std::string name = done_with(line);
    if (!name.empty()) done.insert(name);
  }
  for (JournalService& service : record.services) {
    std::erase_if(service.endpoints, [&](const Endpoint& e) { return done.contains(place_of(e)); });
  }
  std::erase_if(record.services, [](const JournalService& s) { return s.endpoints.empty(); });
  return record;
}

Result<Journal> Journal::create(const fs::path& folder, const Record& record,
                                JournalCopies* copies) {
  TRY(base::make_directories(folder));
  const fs::path path = folder / file_of(record.id);
  Journal journal(path, TRY(base::File::open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND)));
  // Whoever looks for journals may have it for a moment; it is empty still, so he removes it.
  if (::flock(journal.file_.descriptor(), LOCK_EX) != 0) {
    return fail(base::system_error("lock " + path.string(), errno));
  }
  if (!same_file(journal.file_, path)) {
    return fail(Errc::unavailable, "the journal {} was taken away", path.string());
  }
  const std::string line = encode_record(record);
  TRY_DURING(path.string(), journal.file_.write(base::view_of(line)));
  TRY_DURING(path.string(), journal.file_.sync());
  TRY(base::sync_directory(folder));
  if (copies != nullptr) {
    const Result<void> copied = copies->put(record.id, line);
    if (!copied) {
      ::unlink(path.c_str());
      return fail(Error(copied.error()).during("write a copy of the window's journal"));
    }
  }
  journal.id_ = record.id;
  journal.copies_ = copies;
  return journal;
}

Result<std::optional<Journal>> Journal::take_over(const fs::path& path) {
  auto file = base::File::open(path, O_RDWR | O_APPEND);
  if (!file && file.error().code == Errc::not_found) return std::optional<Journal>();
  if (!file) return fail(std::move(file.error()));
  if (::flock(file->descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<Journal>();
    return fail(base::system_error("lock " + path.string(), errno));
  }
  if (!same_file(*file, path)) return std::optional<Journal>();
  return std::optional<Journal>(Journal(path, std::move(*file)));
}

Result<Journal> Journal::open(const fs::path& path) {
  return Journal(path, TRY(base::File::open(path, O_RDWR | O_APPEND)));
}

Result<Journal> Journal::inherited(const fs::path& path, int descriptor) {
  Journal journal(path, base::File(descriptor));
  TRY_DURING(path.string(), journal.file_.size());
  return journal;
}

Result<std::optional<Journal>> Journal::join(const fs::path& path) {
  std::optional<Journal> journal = TRY(take_over(path));
  if (journal) return journal;
  Result<Journal> other = open(path);
  if (!other) return journal;  // gone
  if (other->exists() && other->given_up()) journal = std::move(*other);
  return journal;
}

void Journal::note(const std::string& text) {
  const Result<void> written = order_->with([&](int&) { return file_.write(base::view_of(text)); });
  if (!written) log(LogLevel::warning, "{}: {}", path_.string(), written.error().message);
}

void Journal::note_not_ours(const Endpoint& endpoint) {
  note(line_of("not_ours", endpoint));
}

void Journal::note_let_go(const Endpoint& endpoint) {
  note(line_of("let_go", endpoint));
}

void Journal::note_given_up() {
  note(std::string(given_up_line) + "\n");
}

bool Journal::given_up() const {
  if (!exists()) return true;
  const Result<std::string> content = text();
  return content && content->find(given_up_line) != std::string::npos;
}

Result<std::string> Journal::text() const {
  const std::uint64_t size = TRY_DURING(path_.string(), file_.size());
  if (size > journal_bytes_max) return fail(Errc::corrupt, "{} is too large", path_.string());
  Bytes bytes;
  bytes.resize(size);
  bytes.resize(TRY_DURING(path_.string(), file_.read_at(bytes, 0)));
  return std::string(base::text_of(bytes));
}

bool Journal::exists() const {
  return same_file(file_, path_);
}

Result<void> Journal::remove() {
  if (copies_ != nullptr) {
    const Result<void> removed = copies_->remove(id_);
    if (!removed) {
      log(LogLevel::warning, "remove the copy of the window's journal: {}",
          removed.error().message);
    }
  }
  if (!same_file(file_, path_)) return {};
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
    return fail(base::system_error("remove " + path_.string(), errno));
  }
  return base::sync_directory(path_.parent_path());
}

std::vector<fs::path> journals_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == suffix) found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());  // their names begin with the time
  return found;
}

}  // namespace stillpoint::window
