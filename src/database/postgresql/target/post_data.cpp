// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/post_data.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "database/postgresql/target/archive.h"
#include "pipeline/worker_pool.h"

namespace stillpoint::database::postgresql {
namespace {

// For each of the sessions that make indexes.
constexpr const char* index_options =
    "-c maintenance_work_mem=256MB -c max_parallel_maintenance_workers=1";

Result<void> restore_section(Staging& staging, const BackupSchema& schema,
                             const PostDataOptions& options, const std::stop_token& stop) {
  ArchiveOptions archive;
  archive.arguments = {"--section=post-data",
                       "--jobs=" + std::to_string(std::max(options.jobs, 1U))};
  archive.session_options = index_options;
  if (options.no_owner) {
    archive.arguments.insert(archive.arguments.end(), {"--no-owner", "--no-acl"});
  }
  // Killed in the midst of it, an earlier restore has made some of them.
  if (staging.done("post-data begun")) {
    archive.arguments.insert(archive.arguments.end(), {"--clean", "--if-exists"});
  }
  TRY(staging.finished("post-data begun"));
  return restore_archive(staging.control(), schema.archive, archive, stop);
}

// Not valid, though all parts of it are there and valid.
constexpr std::string_view forgotten_indexes_sql =
    "SELECT pn.nspname, p.relname, cn.nspname, c.relname FROM pg_index i"
    " JOIN pg_class p ON p.oid = i.indexrelid AND p.relkind = 'I'"
    " JOIN pg_namespace pn ON pn.oid = p.relnamespace"
    " JOIN LATERAL (SELECT min(h.inhrelid) AS oid, count(*) AS parts, bool_and(ci.indisvalid) AS ok"
    "   FROM pg_inherits h JOIN pg_index ci ON ci.indexrelid = h.inhrelid"
    "   WHERE h.inhparent = i.indexrelid) one ON one.ok"
    "  AND one.parts = (SELECT count(*) FROM pg_inherits t WHERE t.inhparent = i.indrelid)"
    " JOIN pg_class c ON c.oid = one.oid JOIN pg_namespace cn ON cn.oid = c.relnamespace"
    " WHERE NOT i.indisvalid ORDER BY 1, 2";

// pg_dump has them made without connecting to the publisher, which would begin to send at once.
Result<void> name_subscriptions(Staging& staging) {
  const auto rows = TRY(staging.control().query(
      "SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
      " WHERE d.datname = current_database() ORDER BY 1"));
  for (const Row& row : rows) {
    log(LogLevel::warning, "the subscription {} is restored disabled: see ALTER SUBSCRIPTION",
        base::printable(row.text(0)));
  }
  return {};
}

// The large first. A partitioned table is read with all its partitions.
Result<std::vector<std::string>> tables_to_analyze(Staging& staging) {
  const auto rows = TRY(staging.control().query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition"
      " AND n.nspname NOT IN ('information_schema', $1) AND n.nspname NOT LIKE 'pg\\_%'"
      " ORDER BY c.relkind = 'p' DESC, c.relpages DESC, pg_relation_size(c.oid) DESC",
      {staging.schema()}));
  std::vector<std::string> tables;
  for (const Row& row : rows) tables.push_back(quote_qualified(row.text(0), row.text(1)));
  return tables;
}

Result<void> analyze(Staging& staging, unsigned jobs, const std::stop_token& stop) {
  const std::vector<std::string> tables = TRY(tables_to_analyze(staging));
  pipeline::FirstError failure;
  const auto following = failure.follow(stop);
  pipeline::WorkerPool pool(std::max(jobs, 1U), 1, failure);
  for (const std::string& table : tables) {
    TRY(pool.submit([&staging, &failure, table]() -> Result<void> {
      Staging::Loan session = TRY(staging.borrow(failure.token()));
      TRY_DURING("analyze " + base::printable(table), session->execute("ANALYZE " + table));
      session.give_back();
      return {};
    }));
  }
  return pool.finish();
}

}  // namespace

Result<void> set_sequences(Connection& session, const std::vector<BackupSequence>& sequences) {
  for (const BackupSequence& one : sequences) {
    TRY_DURING("set the sequence " + base::printable(display_qualified(one.schema, one.name)),
               session.query("SELECT setval($1::regclass, $2::bigint, $3::boolean)",
                             {quote_qualified(one.schema, one.name), std::to_string(one.value),
                              one.called ? "t" : "f"}));
  }
  return {};
}

Result<void> validate_indexes(Connection& session) {
  for (std::set<std::string> before;;) {
    const auto rows = TRY(session.query(std::string(forgotten_indexes_sql)));
    std::set<std::string> indexes;
    for (const Row& row : rows) indexes.insert(quote_qualified(row.text(0), row.text(1)));
    if (indexes.empty() || indexes == before) return {};
    for (const Row& row : rows) {
      const std::string index = quote_qualified(row.text(0), row.text(1));
      // That it is attached already is no error, and its validity is looked at anew.
      TRY_DURING("make the index " + base::printable(index) + " valid",
                 session.execute("ALTER INDEX " + index + " ATTACH PARTITION " +
                                 quote_qualified(row.text(2), row.text(3))));
    }
    before = std::move(indexes);
  }
}

Result<void> make_post_data(Staging& staging, const BackupSchema& schema,
                            const PostDataOptions& options, const std::stop_token& stop) {
  staging.control().obey(stop);
  if (!staging.done("sequences")) {
    TRY(set_sequences(staging.control(), schema.sequences));
    TRY(staging.finished("sequences"));
  }
  if (!staging.done("post-data")) {
    TRY_DURING("make indexes, constraints and triggers",
               restore_section(staging, schema, options, stop));
    TRY(validate_indexes(staging.control()));
    TRY(staging.finished("post-data"));
  }
  TRY(name_subscriptions(staging));
  if (!staging.done("analyze")) {
    TRY(analyze(staging, options.jobs, stop));
    TRY(staging.finished("analyze"));
  }
  staging.control().obey({});
  return {};
}

}  // namespace stillpoint::database::postgresql
