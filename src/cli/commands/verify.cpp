// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <nlohmann/json.hpp>

#include "backup/restore_job.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/commands/verify_records.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"

namespace stillpoint::cli {
namespace {

// A folder that goes with everything in it, whatever happens.
class Scratch {
 public:
  static Result<Scratch> make(const std::string& parent) {
    std::error_code error;
    const std::string whole = std::filesystem::absolute(parent, error).string();
    if (error) return fail(base::system_error("find the folder " + parent, error.value()));
    const std::string path = whole + "/verify-" + base::random_token();
    TRY_DURING("scratch folder", base::make_directories(path));
    return Scratch(path);
  }
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

Result<int> run(const VerifyCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, true, ReadFrom::storage));
  const auto backup = TRY(backup::find_backup(*reading.repository, command.backup, session.stop));
  std::string parent = command.scratch;
  if (parent.empty()) {
    parent = state_dir(session) + "/scratch";
    TRY_DURING("state folder", base::make_directories(state_dir(session)));
  }
  const Scratch scratch = TRY(Scratch::make(parent));
  const auto manifest = TRY(backup::load_manifest(*reading.repository, backup, session.stop));
  if (backup::has_records(manifest) && !command.restore) {
    return verify_records(session, *reading.repository, backup, manifest, scratch.path());
  }
  backup::RestoreRequest request;
  request.known = known_databases(session, command.properties);
  request.options.writers = command.jobs;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<backup::RestoredDatabase> done;
  TRY(run_job(session, "verify", [&](job::Job::Context& context) -> Result<void> {
    done = TRY_DURING("verify backup " + backup.record.id.brief(),
                      backup::drill(*reading.repository, backup, request, scratch.path(), context));
    return {};
  }));
  const auto took = std::chrono::steady_clock::now() - begin;
  Json databases = Json::array();
  for (const auto& one : done) {
    databases.push_back({{"name", one.name}, {"bytes", one.bytes}, {"rows", one.rows}});
    if (!session.options.json && !session.options.quiet) {
      print(fmt::format("{}: restored {} to a scratch place, integrity and {} rows checked\n",
                        one.name, base::display_bytes(one.bytes), base::display_count(one.rows)));
    }
  }
  if (session.options.json) {
    print_json({{"type", "summary"},
                {"backup", backup.record.id.hex()},
                {"verdict", backup.verdict},
                {"databases", databases},
                {"seconds", std::chrono::duration<double>(took).count()}});
  } else if (!session.options.quiet) {
    print(fmt::format("backup {} of {} ({}) can be restored; it took {}\n",
                      backup.record.id.brief(), backup.system, backup.verdict,
                      base::display_duration(took)));
  }
  return exit_done;
}

}  // namespace stillpoint::cli
