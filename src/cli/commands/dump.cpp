// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "backup/catalogue.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "repository/backup_reader.h"

namespace stillpoint::cli {

Result<int> run(const DumpCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, true));
  const repository::Repository& repository = *reading.repository;
  const auto backup = TRY(backup::find_backup(repository, command.backup, session.stop));
  const auto node = TRY(repository::find_node(repository, backup.record.tree, command.path));
  const std::string doing = "dump " + base::printable(command.path);
  const bool to_file = !command.output.empty();
  const base::File out =
      to_file ? TRY_DURING(doing, base::File::open(command.output, O_WRONLY | O_CREAT | O_EXCL))
              : base::File(::dup(STDOUT_FILENO));
              const auto write = [&](std::uint64_t, ByteView bytes) { return out.write(bytes); };
              Result<void> done = repository::read_file(repository, node, write, session.stop);
              if (done && to_file) done = out.sync();
              if (!done && to_file) ::unlink(command.output.c_str());
              if (!done) return fail(std::move(done.error()).during(doing));
              return exit_done;
}

}  // namespace stillpoint::cli
