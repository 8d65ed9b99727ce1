// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/archive.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/program.h"
#include "base/text.h"
#include "database/postgresql/session/client_tools.h"
#include "database/postgresql/target/maintenance.h"

namespace stillpoint::database::postgresql {
namespace {

std::string quote_keyword(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// libpq's file of passwords, for any host.
Result<base::File> password_file(std::string_view password) {
  std::string line = "*:*:*:*:";
  for (const char c : password) {
    if (c == ':' || c == '\\') line += '\\';
    line += c;
  }
  return base::make_memory_file(line + "\n");
}

// What pg_restore says, without what it quotes of rows (DETAIL) and of statements.
std::string told(std::string_view text) {
  std::vector<std::string> kept;
  for (const std::string& line : base::split(text, '\n')) {
    const std::size_t error = line.find("error: ");
    const bool file = line.find("extension control file") != std::string::npos;
    if (line.find("from TOC entry") != std::string::npos) {
      kept.push_back(line.substr(line.find("from TOC entry")));
    } else if (error != std::string::npos) {
      kept.push_back(line.substr(error + 7));
    } else if (file) {
      kept.push_back(line);
    }
  }
  return kept.empty() ? std::string(text) : base::join(kept, "; ");
}

Error explained(Error error) {
  if (error.code != Errc::unavailable) return error;
  const bool started = error.message.find("exit code") != std::string::npos;
  if (!started) return error;
  error.message = "run pg_restore: " + told(error.message);
  const auto says = [&](std::string_view words) {
    return error.message.find(words) != std::string::npos;
  };
  error.code = Errc::invalid;
  if (says("unsupported version")) {
    error.code = Errc::unsupported;
    error.advice =
        "install PostgreSQL's client programs of the version that the backup was made of";
  } else if (says("role \"") && says("does not exist")) {
    error.advice =
        "create the role: schema/roles.sql in the backup says how; or restore with --no-owner";
  } else if (says("tablespace \"") && says("does not exist")) {
    error.advice = "create the tablespace: schema/tablespaces.sql in the backup says how";
  } else if (says("must be member of role") || says("must be able to SET ROLE")) {
    error.code = Errc::denied;
    error.advice = "GRANT that role to the one that restores; or restore with --no-owner";
  } else if (says("permission denied") || says("must be owner") || says("must be superuser")) {
    error.code = Errc::denied;
    error.advice = "restore as a superuser; or with --no-owner";
  } else if (says("is not available") || says("control file")) {
    error.advice = "install the package with that extension on the server";
  } else if (says("could not connect") || says("connection to server")) {
    error.code = Errc::unavailable;
    error.advice = "see the server's log, and run the same command again";
  } else if (says("No space left")) {
    error.code = Errc::no_space;
    error.advice = "free some space on the server, and run the same command again with --resume";
  }
  return error;
}

struct Command {
  base::Program program;
  base::File password;
};

Result<Command> command_of(const Connection& into, const ArchiveOptions& options) {
  Command command;
  const std::string text = into.connection_text();
  const std::string session_options = keyword_of(text, "options") + " -c synchronous_commit=off" +
                                      " -c default_transaction_read_only=off " +
                                      options.session_options;
  const ClientTools tools = TRY(find_client_tools(into.server_version()));
  command.program.arguments = {tools.folder + "/pg_restore", "--no-password", "--exit-on-error",
                               "--dbname=" + text + " options=" + quote_keyword(session_options)};
  const auto& more = options.arguments;
  command.program.arguments.insert(command.program.arguments.end(), more.begin(), more.end());
  command.password = TRY(password_file(into.password()));
  // A password of our own environment would win over the file.
  command.program.environment = {{"PGPASSFILE", base::memory_file_path(command.password)},
                                 {"PGPASSWORD", ""},
                                 {"PGCLIENTENCODING", ""},
                                 {"LC_MESSAGES", "C"},
                                 {"LANGUAGE", ""}};
  command.program.descriptors = {command.password.descriptor()};
  return command;
}

Result<void> run(Command& command, const std::stop_token& stop) {
  const auto ran =
      base::run_program(command.program, [](ByteView) -> Result<void> { return {}; }, stop);
  if (!ran) return fail(explained(ran.error()));
  return {};
}

// What pg_restore finds in an archive, a line each.
Result<std::vector<std::string>> contents_of(const Connection& server, const base::File& archive,
                                             const std::stop_token& stop) {
  const ClientTools tools = TRY(find_client_tools(server.server_version()));
  base::Program program;
  program.arguments = {tools.folder + "/pg_restore", "--list", base::memory_file_path(archive)};
  program.descriptors = {archive.descriptor()};
  std::string list;
  const auto ran = base::run_program(
      program,
      [&](ByteView bytes) -> Result<void> {
        list += base::text_of(bytes);
        return {};
      },
      stop);
  if (!ran) return fail(explained(ran.error()));
  return base::split(list, '\n');
}

// An archive that pg_restore reads from a pipe. What it shall restore of it depends on the table of
// contents, which is at its front: as much as that takes is held back.
class StreamedArchive : public Target::StagedPart {
 public:
  StreamedArchive(const Connection& into, const std::stop_token& stop)
      : into_(into), follow_(stop, [this] { stop_.request_stop(); }) {}
  ~StreamedArchive() override {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  StreamedArchive(const StreamedArchive&) = delete;
  StreamedArchive& operator=(const StreamedArchive&) = delete;

  Result<void> prepare(const ArchiveOptions& options) {
    command_ = TRY(command_of(into_, options));
    return {};
  }
  Result<void> write(std::uint64_t, ByteView bytes) override {
    if (started_) return send(bytes);
    base::append(front_, bytes);
    if (front_.size() < next_try_) return {};
    next_try_ *= 2;
    return try_to_start(false);
  }
  Result<void> finish() override {
    if (!started_) TRY(try_to_start(true));
    writing_.close();
    if (thread_.joinable()) thread_.join();
    return outcome_;
  }

 private:
  Result<void> try_to_start(bool complete) {
    const base::File front = TRY(base::make_memory_file(base::text_of(front_)));
    const auto lines = contents_of(into_, front, stop_.get_token());
    if (!lines && !complete && lines.error().code != Errc::cancelled) return {};
    if (!lines) return fail(lines.error());
    std::string wanted;
    for (const std::string& line : *lines) {
      const bool large_object =
          line.find(" BLOB") != std::string::npos || line.find("LARGE OBJECT") != std::string::npos;
      if (!line.starts_with(';') && large_object) wanted += line + "\n";
    }
    list_ = TRY(base::make_memory_file(wanted));
    TRY(start());
    started_ = true;
    TRY(send(front_));
    front_ = {};
    return {};
  }
  Result<void> start() {
    std::array<int, 2> ends = {};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(base::system_error("pipe", errno));
    reading_ = base::File(ends[0]);
    writing_ = base::File(ends[1]);
    ::fcntl(writing_.descriptor(), F_SETFL, O_NONBLOCK);
    auto& arguments = command_.program.arguments;
    arguments.push_back("--use-list=" + base::memory_file_path(list_));
    // It can read an archive only once where it comes by its stdin.
    const std::string input = base::memory_file_path(reading_);
    arguments.insert(arguments.begin(), {"/bin/sh", "-c", "exec \"$0\" \"$@\" <" + input});
    auto& descriptors = command_.program.descriptors;
    descriptors.insert(descriptors.end(), {list_.descriptor(), reading_.descriptor()});
    thread_ = std::thread([this] {
      outcome_ = run(command_, stop_.get_token());
      ended_ = true;
    });
    return {};
  }
  Result<void> send(ByteView bytes) {
    while (!bytes.empty()) {
      pollfd room = {writing_.descriptor(), POLLOUT, 0};
      constexpr int milliseconds = 200;
      ::poll(&room, 1, milliseconds);
      if (ended_) return ending();
      // Our own end for reading keeps the pipe from breaking.
      const ssize_t n = ::write(writing_.descriptor(), bytes.data(), bytes.size());
      if (n < 0 && errno != EAGAIN && errno != EINTR) {
        return fail(base::system_error("write to pg_restore", errno));
      }
      if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }
  // It has ended before it had everything: why.
  Result<void> ending() {
    TRY(finish());
    return fail(Errc::corrupt, "pg_restore did not read its archive to the end");
  }

  const Connection& into_;
  Bytes front_;
  std::size_t next_try_ = limits::MiB;
  bool started_ = false;
  base::File list_;
  base::File reading_;
  base::File writing_;
  Command command_;
  std::stop_source stop_;
  std::atomic<bool> ended_ = false;
  Result<void> outcome_;
  std::thread thread_;
  std::stop_callback<std::function<void()>> follow_;
};

}  // namespace

Result<void> restore_archive(const Connection& into, const base::File& archive,
                             const ArchiveOptions& options, const std::stop_token& stop) {
  Command command = TRY(command_of(into, options));
  command.program.arguments.push_back(base::memory_file_path(archive));
  command.program.descriptors.push_back(archive.descriptor());
  return run(command, stop);
}

Result<std::vector<std::string>> extensions_in(const Connection& server, const base::File& archive,
                                               const std::stop_token& stop) {
  const std::vector<std::string> lines = TRY(contents_of(server, archive, stop));
  std::vector<std::string> extensions;
  constexpr std::string_view mark = " EXTENSION - ";
  for (const std::string& line : lines) {
    const std::size_t at = line.find(mark);
    if (line.starts_with(';') || at == std::string::npos) continue;
    if (line.find(" COMMENT - ") < at) continue;
    const std::string name = line.substr(at + mark.size());
    extensions.push_back(name.substr(0, name.find_last_not_of(' ') + 1));
  }
  return extensions;
}

Result<std::unique_ptr<Target::StagedPart>> stream_large_objects(const Connection& into,
                                                                 const ArchiveOptions& options,
                                                                 const std::stop_token& stop) {
  auto part = std::make_unique<StreamedArchive>(into, stop);
  TRY(part->prepare(options));
  return part;
}

}  // namespace stillpoint::database::postgresql
