// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/schema_dump.h"

namespace stillpoint::database::postgresql {
namespace {

base::OutputSink into(std::string& text) {
  return [&text](ByteView bytes) -> Result<void> {
    text += base::text_of(bytes);
    return {};
  };
}

Result<std::string> sql_of(const ClientTools& tools, const base::File& archive,
                           const std::string& section, const std::stop_token& stop) {
  std::string text;
  TRY(base::run_program({{tools.folder + "/pg_restore", "--section=" + section, "--file=-",
                          base::memory_file_path(archive)},
                         {{"LC_ALL", "C"}},
                         {archive.descriptor()}},
                        into(text), stop));
  return text;
}

Result<Schema> dump(const ClientTools& tools, const ToolTarget& target,
                    std::vector<std::string> arguments, const std::stop_token& stop) {
  Schema schema;
  schema.archive = TRY(base::make_memory_file(""));
  arguments.insert(arguments.end(), {"--format=custom", "--compress=0", "--section=pre-data",
                                     "--section=post-data"});
  const auto keep = [&](ByteView bytes) {
    schema.archive_bytes += bytes.size();
    return schema.archive.write(bytes);
  };
  Result<std::string> said = run_client_tool(tools, "pg_dump", arguments, target, keep, stop);
  if (!said) {
    Error error = std::move(said.error());
    if (error.message.find("LOCK TABLE") != std::string::npos) {
      error.code = Errc::busy;
      error.advice =
          "somebody waits to change a table: let them finish, or give them a lock_timeout, and run "
          "the same command again";
    }
    return fail(std::move(error));
  }
  schema.warnings = warnings_in(*said);
  schema.pre_data = TRY(sql_of(tools, schema.archive, "pre-data", stop));
  schema.post_data = TRY(sql_of(tools, schema.archive, "post-data", stop));
  return schema;
}

}  // namespace

void SchemaDump::start(ClientTools tools, ToolTarget target, std::vector<std::string> arguments) {
  thread_ = std::jthread([this, tools = std::move(tools), target = std::move(target),
                          arguments = std::move(arguments)](std::stop_token stop) {
    Result<Schema> outcome = dump(tools, target, arguments, stop);
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    done_.notify_all();
  });
}

Result<const Schema*> SchemaDump::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!done_.wait(lock, std::move(stop), [&] { return outcome_.has_value(); })) {
    return fail(Errc::cancelled, "stopped on request");
  }
  if (!*outcome_) return fail(outcome_->error());
  return &**outcome_;
}

std::vector<std::string> SchemaDump::warnings() {
  const std::lock_guard lock(mutex_);
  return outcome_ && *outcome_ ? (*outcome_)->warnings : std::vector<std::string>();
}

Result<std::string> dump_globals(const ClientTools& tools, const ToolTarget& target,
                                 const std::string& database, bool roles, std::stop_token stop) {
  std::vector<std::string> arguments = {"--database=" + database};
  if (roles) {
    arguments.insert(arguments.end(), {"--roles-only", "--no-role-passwords"});
  } else {
    arguments.emplace_back("--tablespaces-only");
  }
  std::string text;
  TRY(run_client_tool(tools, "pg_dumpall", arguments, target, into(text), std::move(stop)));
  return text;
}

}  // namespace stillpoint::database::postgresql
