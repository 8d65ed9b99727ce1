// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/client_tools.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> candidate_folders() {
  std::vector<std::string> folders;  // PATH last: there Debian has a script that chooses
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {  // Debian
    folders.push_back(version.path() / "bin");
  }
  for (const auto& version : fs::directory_iterator("/usr", error)) {  // PGDG on Red Hat
    if (version.path().filename().string().starts_with("pgsql-")) {
      folders.push_back(version.path() / "bin");
    }
  }
  const char* path = std::getenv("PATH");
  for (const std::string& folder : base::split(path == nullptr ? "" : path, ':')) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

// 15 of "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; 0 where it does not run.
int version_of(const std::string& program) {
  std::string text;
  const auto ran = base::run_program({{program, "--version"}, {}, {}},
                                     [&](ByteView bytes) -> Result<void> {
                                       text += base::text_of(bytes);
                                       return {};
                                     },
                                     {});
  const std::size_t at = text.find(") ");
  return !ran || at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 2);
}

std::string passfile_line(std::string_view password) {
  std::string line = "*:*:*:*:";
  for (const char c : password) {
    if (c == ':' || c == '\\') line += '\\';
    line += c;
  }
  return line + "\n";
}

}  // namespace

Result<ClientTools> find_client_tools(int server_version) {
  const int wanted = server_version / 10000;
  ClientTools best;
  int newest = 0;
  for (const std::string& folder : candidate_folders()) {
    std::error_code error;
    bool all = true;
    for (const std::string_view name : {"pg_dump", "pg_restore", "pg_dumpall"}) {
      all = all && fs::exists(fs::path(folder) / name, error);
    }
    if (!all) continue;
    const int version = version_of(folder + "/pg_dump");
    if (version == wanted) return ClientTools{folder, version};
    newest = std::max(newest, version);
    if (version >= wanted && (best.version == 0 || version < best.version)) {
      best = {folder, version};
    }
  }
  if (best.version != 0) return best;
  return fail(Error{
      Errc::unsupported,
      "the server is PostgreSQL " + std::to_string(wanted) + ", and there is no " +
          (newest == 0 ? "pg_dump here" : "newer pg_dump here than " + std::to_string(newest)),
      "install PostgreSQL's client programs of version " + std::to_string(wanted) +
          " or newer (Debian: postgresql-client-" + std::to_string(wanted) + ")"});
}

ToolTarget target_of(const Connection& session) {
  ToolTarget target{session.connection_text(), std::string(session.password()), {}};
  for (const auto& [keyword, value] : session.secrets()) {
    target.service +=
        (target.service.empty() ? "[stillpoint]\n" : "") + keyword + "=" + value + "\n";
  }
  if (!target.service.empty()) target.connection += " service='stillpoint'";
  return target;
}

Result<std::string> run_client_tool(const ClientTools& tools, const std::string& name,
                                    const std::vector<std::string>& arguments,
                                    const ToolTarget& target, const base::OutputSink& output,
                                    std::stop_token stop) {
  const base::File password = TRY(base::make_memory_file(passfile_line(target.password)));
  base::Program program;
  program.arguments = {tools.folder + "/" + name, "--no-password", "--dbname=" + target.connection};
  program.arguments.insert(program.arguments.end(), arguments.begin(), arguments.end());
  // A password of our own environment would win over the file.
  program.environment = {{"PGPASSFILE", base::memory_file_path(password)},
                         {"PGPASSWORD", ""},
                         {"PGCLIENTENCODING", ""},
                         {"LC_ALL", "C"}};
  program.descriptors = {password.descriptor()};
  const base::File service = TRY(base::make_memory_file(target.service));
  if (!target.service.empty()) {
    program.environment.emplace_back("PGSERVICEFILE", base::memory_file_path(service));
    program.descriptors.push_back(service.descriptor());
  }
  return base::run_program(program, output, std::move(stop));
}

std::vector<std::string> warnings_in(const std::string& said) {
  std::vector<std::string> warnings;
  for (const std::string& line : base::split(said, '\n')) {
    const std::size_t at = line.find(": warning: ");
    if (line.starts_with("pg_") && at != std::string::npos) {
      warnings.push_back(line.substr(0, at + 2) + line.substr(at + 11));
    }
  }
  return warnings;
}

}  // namespace stillpoint::database::postgresql
