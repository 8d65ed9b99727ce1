// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/rights.h"

#include <cerrno>

#include <sys/statvfs.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// Whether the folder is that of this very server and no other's of the same name: the running
// server tells when it started, and so does the file that it keeps there.
bool is_its_folder(const std::string& folder, const std::string& started, const std::string& port) {
  const auto file = base::read_file(folder + "/postmaster.pid", 64 * limits::KiB);
  if (!file) return false;
  const auto lines = base::split(base::text_of(*file), '\n');
  return lines.size() > 3 && lines[2] == started && lines[3] == port;
}

}  // namespace

Result<void> check_rights(Maintenance& server, const std::optional<FoundDatabase>& existing) {
  const Role role = TRY(server.role());
  if (role.superuser) return {};
  const std::string who = base::printable(role.name);
  if (!role.creates_databases) {
    return fail(Error{
        Errc::denied,
        fmt::format("the role {} may not create databases on {}", who, server.place()),
        fmt::format("ALTER ROLE {} CREATEDB; or restore into an existing, empty database with "
                    "--in-place",
                    quote_name(role.name))});
  }
  if (existing && !existing->ours) {
    return fail(
        Error{Errc::denied,
              fmt::format("{} belongs to {}, and {} may not rename it",
                          server.described(existing->name), base::printable(existing->owner), who),
              fmt::format("GRANT {} TO {}; or connect as {}; or restore to another name with --to",
                          quote_name(existing->owner), quote_name(role.name),
                          base::printable(existing->owner))});
  }
  return {};
}

Result<void> check_room(Maintenance& server, std::uint64_t bytes) {
  const auto row = server.session().row(
      "SELECT current_setting('data_directory'), current_setting('port'),"
      " extract(epoch FROM pg_postmaster_start_time())::bigint");
  if (!row && row.error().code != Errc::denied) return fail(row.error());
  struct statvfs info = {};
  if (!row || !is_its_folder(row->text(0), row->text(2), row->text(1)) ||
      ::statvfs(row->text(0).c_str(), &info) != 0) {
    log(LogLevel::debug, "{}: its free space cannot be seen from here", server.place());
    return {};
  }
  const std::uint64_t room = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (room >= bytes) return {};
  return fail(Error{
      Errc::no_space,
      fmt::format("{} has {} free in {}, and {} are needed beside the old data", server.place(),
                  base::display_bytes(room), row->text(0), base::display_bytes(bytes)),
      "free some space, or restore to another server with --to"});
}

}  // namespace stillpoint::database::postgresql
