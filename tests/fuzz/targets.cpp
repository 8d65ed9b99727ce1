// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

#include <cstdlib>

#include "backup/manifest.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/text.h"
#include "cli/config.h"
#include "database/target.h"
#include "database/watch.h"
#include "layer/scalardb/jdbc_url.h"
#include "layer/scalardb/proof.h"
#include "layer/scalardb/properties.h"
#include "layer/scalardb/settings.h"
#include "layer/scalardb/tables.h"
#include "layer/scalardb/transaction_id.h"
#include "repository/compression.h"
#include "repository/go_quote.h"
#include "repository/index_file.h"
#include "repository/key_file.h"
#include "repository/lock_file.h"
#include "repository/pack.h"
#include "repository/record.h"
#include "repository/retired.h"
#include "repository/retention.h"
#include "repository/subset.h"
#include "repository/tree.h"

namespace stillpoint::fuzz {
namespace {

using base::text_of;

// Whatever a decoder answers is right, as long as it answers.
template <class T>
void ignore(const T&) {}

// The header is authenticated before it is decoded: seal what the fuzzer made of the plain header.
void decode_pack(ByteView bytes) {
  static const repository::SealKey key = repository::random_key();
  Bytes tail = repository::seal(key, bytes);
  base::put_u32(tail, static_cast<std::uint32_t>(tail.size()));
  ignore(repository::pack_header_bytes(tail, tail.size()));
  ignore(repository::decode_pack_header(key, tail, tail.size() + 1000));
}

void decode_key(ByteView bytes) {
  ignore(repository::decode_key_owner(bytes));
  // Deriving a key is slow by design: only what is refused before that is of interest.
  if (text_of(bytes).find("scrypt") == std::string_view::npos) {
    ignore(repository::open_key_file(bytes, base::Secret(std::string("x"))));
  }
}

void decode_text(ByteView bytes) {
  ignore(base::parse_time(text_of(bytes)));
  ignore(base::from_base64(text_of(bytes)));
  ignore(base::percent_decode(text_of(bytes)));
  ignore(repository::go_unquote(text_of(bytes)));
}

// What a decoder answers has to be so.
void require(bool holds) {
  if (!holds) std::abort();
}

// What users say of what is to be kept or read.
void decode_policy(ByteView bytes) {
  if (const auto age = repository::parse_age(text_of(bytes))) {
    require(repository::parse_age(repository::text_of(*age)).value_or(repository::Age{}) == *age);
    const base::Time now = base::parse_time("2026-11-21T08:30:00Z").value();
    require(repository::before(now, {}, *age) <= now);
  }
  if (const auto subset = repository::parse_subset(text_of(bytes))) {
    require(repository::choose({{Id(), 1}}, *subset, 1).size() <= 1);
  }
}

void decode_properties(ByteView bytes) {
  const auto properties = layer::scalardb::Properties::parse(text_of(bytes));
  if (!properties) return;
  for (const auto& [name, value] : properties->values()) {
    ignore(properties->find(name));
    ignore(properties->flag(name, true));
    ignore(properties->list(name));
  }
}

void decode_settings(ByteView bytes) {
  using namespace layer::scalardb;
  const auto properties = Properties::parse(text_of(bytes));
  if (!properties) return;
  const auto refused = read_settings(*properties);
  const auto listed = read_settings(*properties, Others::listed);
  if (refused) require(listed && listed->others.empty());
  if (listed) require(join({*listed, *listed})->storages.size() == listed->storages.size());
}

void decode_jdbc_url(ByteView bytes) {
  using namespace layer::scalardb;
  if (text_of(bytes).find("Sesame") != std::string_view::npos) return;
  const auto url = url_of_jdbc(text_of(bytes), "app", "Sesame");
  if (!url) {
    require(url.error().message.find("Sesame") == std::string::npos);
    return;
  }
  require(identity_of_url(*url).find("Sesame") == std::string::npos);
  const auto kind = database::kind_of(*url);
  if (kind) require((*kind)->shown(*url).find("Sesame") == std::string::npos);
}

void decode_transaction_id(ByteView bytes) {
  using namespace layer::scalardb;
  const TransactionId id = split_id(text_of(bytes));
  if (id.grouped()) require(join_id(id.parent, id.child) == text_of(bytes));
  std::size_t size = 0;
  for (const std::string_view child : split_children(text_of(bytes))) size += child.size();
  require(size <= bytes.size());
}

// Lines of fields between tabs, \\N for nulls.
std::vector<database::Values> rows_of(ByteView bytes, std::size_t columns) {
  std::vector<database::Values> rows;
  for (const std::string& line : base::split(text_of(bytes), '\n')) {
    database::Values& row = rows.emplace_back();
    for (const std::string& field : base::split(line, '\t')) {
      row.push_back(field == "\\N" ? std::nullopt : std::optional<std::string>(field));
    }
    row.resize(columns);
  }
  return rows;
}

void decode_table_metadata(ByteView bytes) {
  const auto tables = layer::scalardb::tables_of(rows_of(bytes, 4));
  if (!tables) return;
  for (const auto& table : *tables) require(!table.name_space.empty() && !table.name.empty());
}

void decode_transaction_rows(ByteView bytes) {
  layer::scalardb::Proof proof({.states_max = 4, .waiting_max = 4});
  const auto states = proof.coordinator("c", "coordinator.state", true);
  const auto records = proof.records("t", "bank.accounts", {"id"});
  proof.opened({base::parse_time("2026-11-21T08:30:00Z").value(),
                base::parse_time("2026-11-21T08:30:05Z").value(), true});
  for (const database::Values& row : rows_of(bytes, 8)) {
    const std::vector<database::Value> values(row.begin(), row.end());
    const std::span<const database::Value> all(values);
    require(states.row(all.first(states.columns.size())).has_value());
    require(records.row(all.first(records.columns.size())).has_value());
  }
  require(!proof.judge().empty());
}

// The positions, one a letter, up to the first line feed; then rows.
void decode_row_text(ByteView bytes) {
  std::string_view rest = text_of(bytes);
  const std::string_view letters = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(letters.size() + 1, rest.size()));
  std::vector<std::size_t> positions;
  for (const char letter : letters.substr(0, 20)) {
    positions.push_back(static_cast<unsigned char>(letter) % 16);
  }
  std::size_t shown = 0;
  const database::Watch watch{"t", std::vector<std::string>(positions.size()),
                              [&](std::span<const database::Value> row) {
                                require(row.size() == positions.size());
                                for (const database::Value& value : row)
                                  shown += value.value_or("").size();
                                return Result<void>();
                              }};
  database::FieldPicker picker(watch, positions);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    ignore(picker.row(base::view_of(rest.substr(0, end + 1))));
    rest.remove_prefix(end + 1);
  }
  require(shown <= bytes.size() * std::max<std::size_t>(positions.size(), 1));
}

constexpr const char* example_settings =
    "scalar.db.storage=multi-storage\nscalar.db.username=${env:NOBODY:-app}\n"
    "scalar.db.multi_storage.storages=a, b,c\n"
    "scalar.db.multi_storage.storages.a.storage=jdbc\n"
    "scalar.db.multi_storage.storages.a.contact_points=jdbc:postgresql://db1:5432/bank\n"
    "scalar.db.multi_storage.storages.b.storage=jdbc\n"
    "scalar.db.multi_storage.storages.b.contact_points=jdbc:sqlite:/srv/b.db\n"
    "scalar.db.multi_storage.storages.c.storage=cassandra\n"
    "scalar.db.multi_storage.namespace_mapping=x:a,coordinator:b\n"
    "scalar.db.multi_storage.default_storage=a\n";

std::string example_index() {
  repository::PackedBlob blob;
  blob.length = 100;
  blob.plain_bytes = 300;
  return repository::encode_index_file({{Id(), {blob, blob}}});
}

std::string example_tree() {
  repository::Node file;
  file.name = "a\n";
  file.content = {Id(), Id()};
  return repository::encode_tree({file});
}

// What is read is written again and read as the same.
void decode_retired(ByteView bytes) {
  const auto retired = repository::decode_retired(bytes);
  if (!retired) return;
  const auto again = repository::decode_retired(base::view_of(encode_retired(*retired)));
  require(again && again->time == retired->time && again->packs == retired->packs);
}

void decode_lock(ByteView bytes) {
  const auto lock = repository::decode_lock(bytes);
  if (!lock) return;
  ignore(repository::holder_of(*lock));
  const auto again = repository::decode_lock(base::view_of(encode_lock(*lock)));
  require(again && again->time == lock->time && again->exclusive == lock->exclusive);
}

std::string example_lock() {
  repository::LockFile lock;
  lock.time = base::parse_time("2026-11-21T08:30:00Z").value();
  lock.host = {"vm", "root", 0, 0, 4711};
  lock.program = "stillpoint";
  lock.work = "prune";
  lock.began = lock.time;
  lock.step = "switch";
  return encode_lock(lock);
}

std::string example_manifest() {
  backup::Manifest manifest;
  manifest.evidence.push_back({"write_mark", "a", "1", "2", false, "text"});
  backup::DatabaseEntry& entry = manifest.databases.emplace_back();
  entry.settings.push_back({"page_size", "4096"});
  entry.objects.push_back({"table", "t", 3, {}});
  entry.files.push_back({"a/data/a.db", 5, {}});
  return backup::encode_manifest(manifest);
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"index_file",
       [](ByteView b) { ignore(repository::decode_index_file(b, [](repository::IndexedPack) {})); },
       example_index()},
      {"tree", [](ByteView b) { ignore(repository::decode_tree(b)); }, example_tree()},
      {"record", [](ByteView b) { ignore(repository::decode_record(b)); },
       repository::encode_record({})},
      {"pack_header", decode_pack, std::string(41, '\2') + std::string(37, '\0')},
      {"key_file", decode_key, R"({"kdf":"none","N":2,"salt":"AAAA","data":"AAAA"})"},
      {"policy", decode_policy, "2y5m7d3h"},
      {"manifest", [](ByteView b) { ignore(backup::decode_manifest(b)); }, example_manifest()},
      {"config", [](ByteView b) { ignore(cli::parse_config(std::string(text_of(b)), "f")); },
       "repository: {url: /r}\nsystems:\n  s:\n    databases: {a: /a.db}\n"},
      {"compressed",
       [](ByteView b) {
         ignore(repository::decompress_stream(b, 1 << 20));
         ignore(repository::decompress(b, 1000));
       },
       std::string(text_of(repository::compress(base::view_of(std::string(500, 'x')),
                                                repository::Compression::automatic)))},
      {"text", decode_text, "2026-11-21T08:30:00.5+01:00%41\\u00e9"},
      {"properties", decode_properties,
       "# as Java has them\na = 1, b\\,c \\\n  d\nb\\ c: ${env:HOME}$${x}\\u00e9\\ud83d\\ude00\n"},
      {"scalardb_settings", decode_settings, example_settings},
      {"jdbc_url", decode_jdbc_url, "jdbc:postgresql://[::1]:5433/bank%20a?ssl=true&user=me"},
      {"transaction_id", decode_transaction_id, "XCUh0mTpzpLbJNRtvC2Kh1d9$5c2e19d3,a,b"},
      {"table_metadata", decode_table_metadata,
       "coordinator.state\ttx_id\tPARTITION\t1\ncoordinator.state\ttx_state\t\\N\t2\n"
       "coordinator.state\ttx_created_at\t\\N\t3\nbank.accounts\tid\tCLUSTERING\t1"},
      {"transaction_rows", decode_transaction_rows,
       "T1\t3\t1795249799000\ta,b\nT2\t3\t1795249799000\t1795249799100\t\\N\t\\N\t\\N\t1\n"
       "T3\t1\t1795249803000\t\\N\tT1$a\t1795249798000\t1795249798100\t2"},
      {"retired", decode_retired,
       repository::encode_retired(
           {base::parse_time("2026-11-21T08:30:00Z").value(), {Id(), Id()}})},
      {"lock_file", decode_lock, example_lock()},
      {"row_text", decode_row_text, "ca\nplain\t\\N\ta\\tb\\nc\\\\\nx\t\t\n"},
  };
  return all;
}

}  // namespace stillpoint::fuzz
