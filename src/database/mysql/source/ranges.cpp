// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/ranges.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "database/mysql/source/row_text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::uint64_t parts_max = 64;
constexpr std::uint64_t told_exactly = 1000;  // rows of a few pages
constexpr int questions_max = 2000;           // to the server, about the rows of a range

// MySQL's whole numbers in one order: signed ones are moved so that the smallest is 0.
class Whole {
 public:
  explicit Whole(bool is_signed) : shift_(is_signed ? std::uint64_t{1} << 63 : 0) {}
  std::uint64_t read(const std::string& text) const {
    if (shift_ == 0) {
      std::uint64_t value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    }
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return static_cast<std::uint64_t>(value) ^ shift_;
  }
  std::string write(std::uint64_t value) const {
    if (shift_ == 0) return std::to_string(value);
    return std::to_string(static_cast<std::int64_t>(value ^ shift_));
  }

 private:
  std::uint64_t shift_;
};

bool is_whole(const Column& column) {
  constexpr std::array<std::string_view, 5> types = {"tinyint", "smallint", "mediumint", "int",
                                                     "bigint"};
  return std::find(types.begin(), types.end(), column.type) != types.end();
}

// `hint`: without it, a narrow table may be read from another index, in another order.
std::string place_of(const Table& table, const std::string& partition,
                     const std::string& hint = "FORCE") {
  std::string place = table.quoted();
  if (!partition.empty()) place += " PARTITION (" + quote_name(partition) + ")";
  place += table.key.columns.empty() ? " USE INDEX ()" : " " + hint + " INDEX (PRIMARY)";
  return place;
}

std::string where_of(const std::vector<std::string>& conditions) {
  std::vector<std::string> all;
  for (const std::string& one : conditions) {
    if (!one.empty()) all.push_back(one);
  }
  return all.empty() ? "" : " WHERE " + base::join(all, " AND ");
}

// A range of one column of the key, below a condition on the columns before it.
struct Piece {
  std::string before;
  std::size_t column = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t rows = 0;
};

class WholeCutter {
 public:
  // MySQL does not look into an index that it is forced to use: it says 1 of every range.
  WholeCutter(Connection& session, const Table& table, const std::string& partition)
      : session_(session),
        table_(table),
        place_(place_of(table, partition)),
        asked_(place_of(table, partition, session.is_mariadb() ? "FORCE" : "USE")) {}

  // Into pieces of this share of the rows, or less.
  Result<void> cut(double share) {
    pieces_.clear();
    share_ = share;
    questions_ = 0;
    most_told_ = 0;
    return cut_column("", 0);
  }
  // Neighbours that are small together become one.
  void join_small() {
    std::vector<Piece> joined;
    for (const Piece& piece : pieces_) {
      if (!joined.empty()) {
        Piece& last = joined.back();
        const bool neighbours = last.before == piece.before && last.column == piece.column &&
                                last.last + 1 == piece.first;
        if (neighbours && last.rows + piece.rows <= rows_wanted_) {
          last.last = piece.last;
          last.rows += piece.rows;
          continue;
        }
      }
      joined.push_back(piece);
    }
    pieces_ = std::move(joined);
  }
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::string condition(const Piece& piece) const {
    const std::string name = quote_name(table_.key.columns[piece.column]);
    const Whole whole = whole_of(piece.column);
    std::string text = piece.before.empty() ? "" : piece.before + " AND ";
    if (piece.first == piece.last) return text + name + " = " + whole.write(piece.first);
    return text + name + " >= " + whole.write(piece.first) + " AND " + name +
           " <= " + whole.write(piece.last);
  }

 private:
  Whole whole_of(std::size_t column) const {
    const Column* found = table_.column(table_.key.columns[column]);
    return Whole(found->full_type.find("unsigned") == std::string::npos);
  }

  Result<void> cut_column(const std::string& before, std::size_t column) {
    const std::string name = quote_name(table_.key.columns[column]);
    const Row ends = TRY(session_.row("SELECT MIN(" + name + "), MAX(" + name + ") FROM " + place_ +
                                      where_of({before})));
    if (ends.is_null(0)) return {};
    const Whole whole = whole_of(column);
    const std::uint64_t smallest = whole.read(ends.text(0));
    const std::uint64_t largest = whole.read(ends.text(1));
    // The smallest block between multiples of a power of two that holds both.
    const int bits = std::bit_width(smallest ^ largest);
    const std::uint64_t rest = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    return cut_block({before, column, smallest & ~rest, smallest | rest, 0});
  }

  Result<void> cut_block(Piece piece) {
    const std::uint64_t told = TRY(rows_in(piece));
    if (most_told_ == 0) {
      most_told_ = told;
      rows_wanted_ = static_cast<std::uint64_t>(static_cast<double>(told) * 2 * share_) + 1;
    }
    // InnoDB tells twice as many as it counts once it does not count all, and never more than half
    // of the table's: what it tells of more is no number.
    const bool many = told > told_exactly;
    const bool unknown = many && told >= most_told_ - most_told_ / 50;
    piece.rows = many ? told / 2 : told;
    if ((piece.rows <= rows_wanted_ && !unknown) || questions_ >= questions_max) {
      pieces_.push_back(std::move(piece));
      return {};
    }
    if (piece.first < piece.last) {
      const std::uint64_t middle = piece.first + (piece.last - piece.first) / 2;
      TRY(cut_block({piece.before, piece.column, piece.first, middle, 0}));
      return cut_block({piece.before, piece.column, middle + 1, piece.last, 0});
    }
    // One value has too many rows: the key's next column tells them apart.
    const std::size_t next = piece.column + 1;
    if (next < table_.key.columns.size()) {
      const Column* column = table_.column(table_.key.columns[next]);
      if (column != nullptr && is_whole(*column)) return cut_column(condition(piece), next);
    }
    pieces_.push_back(std::move(piece));
    return {};
  }

  // As the server estimates it: two looks into the index, however many rows there are.
  Result<std::uint64_t> rows_in(const Piece& piece) {
    ++questions_;
    const Row row =
        TRY(session_.row("EXPLAIN FORMAT=TRADITIONAL SELECT " + quote_name(table_.key.columns[0]) +
                         " FROM " + asked_ + where_of({condition(piece)})));
    return static_cast<std::uint64_t>(row.number("rows"));
  }

  Connection& session_;
  const Table& table_;
  std::string place_;
  std::string asked_;  // the same, where rows are only estimated
  double share_ = 1;
  std::uint64_t most_told_ = 0;  // of all rows
  std::uint64_t rows_wanted_ = 0;
  int questions_ = 0;
  std::vector<Piece> pieces_;
};

// A key's value as a literal that compares as the column does; empty where there is no safe one.
std::string literal_of(const Column& column, const std::string& hex) {
  constexpr std::array<std::string_view, 4> bytes = {"binary", "varbinary", "char", "varchar"};
  if (std::find(bytes.begin(), bytes.end(), column.type) == bytes.end()) return {};
  if (column.charset.empty() || column.charset == "binary") return "X'" + hex + "'";
  return "_" + column.charset + " X'" + hex + "' COLLATE " + column.collation;
}

bool has_plain_text(const Column& column) {
  constexpr std::array<std::string_view, 8> types = {"decimal", "date",  "datetime", "timestamp",
                                                     "time",    "inet6", "uuid",     "year"};
  return std::find(types.begin(), types.end(), column.type) != types.end();
}

// Steps along the key, so many rows at a time.
Result<std::vector<std::string>> limits_by_steps(Connection& session, const Column& column,
                                                 const std::string& place, std::uint64_t rows) {
  const std::string name = quote_name(column.name);
  const bool plain = has_plain_text(column);
  std::vector<std::string> limits;
  std::string after;
  while (limits.size() + 1 < parts_max) {
    const std::vector<Row> next =
        TRY(session.query("SELECT " + (plain ? name : "HEX(" + name + ")") + " FROM " + place +
                          after + " ORDER BY " + name + fmt::format(" LIMIT 1 OFFSET {}", rows)));
    if (next.empty()) break;
    const std::string limit =
        plain ? quote_text(next[0].text(0)) : literal_of(column, next[0].text(0));
    if (limit.empty() || (!limits.empty() && limits.back() == limit)) break;
    limits.push_back(limit);
    after = " WHERE " + name + " >= " + limit;
  }
  return limits;
}

Result<std::vector<RowRange>> cut_by_steps(Connection& session, const Table& table,
                                           const RowRange& all, std::uint64_t rows) {
  const Column& column = *table.column(table.key.columns[0]);
  const std::vector<std::string> limits =
      TRY(limits_by_steps(session, column, place_of(table, all.partition), rows));
  if (limits.empty()) return std::vector<RowRange>{all};
  const std::string name = quote_name(column.name);
  std::vector<RowRange> ranges;
  for (std::size_t i = 0; i <= limits.size(); ++i) {
    RowRange range = all;
    range.bytes = all.bytes / (limits.size() + 1);
    if (i > 0) range.condition = name + " >= " + limits[i - 1];
    if (i > 0 && i < limits.size()) range.condition += " AND ";
    if (i < limits.size()) range.condition += name + " < " + limits[i];
    ranges.push_back(std::move(range));
  }
  return ranges;
}

Result<std::vector<RowRange>> cut_whole(Connection& session, const Table& table,
                                        const RowRange& all, double share) {
  WholeCutter cutter(session, table, all.partition);
  do {
    TRY(cutter.cut(share));
    cutter.join_small();
    share *= 2;
  } while (cutter.pieces().size() > parts_max);
  std::uint64_t sum = 1;
  for (const Piece& piece : cutter.pieces()) sum += piece.rows;
  std::vector<RowRange> ranges;
  for (const Piece& piece : cutter.pieces()) {
    RowRange range = all;
    range.condition = cutter.condition(piece);
    range.bytes =
        static_cast<std::uint64_t>(static_cast<double>(all.bytes) *
                                   (static_cast<double>(piece.rows) / static_cast<double>(sum)));
    ranges.push_back(std::move(range));
  }
  if (ranges.size() < 2) return std::vector<RowRange>{all};
  return ranges;
}

}  // namespace

Result<std::vector<RowRange>> row_ranges(Connection& session, const Table& table,
                                         std::uint64_t part_bytes) {
  std::vector<std::pair<RowRange, std::uint64_t>> wholes;
  // Rows of a versioned table's history are in partitions of their own.
  if (table.partitions.empty() || table.versioned) {
    wholes.push_back({{"", "", table.bytes}, table.rows});
  } else {
    for (const Partition& partition : table.partitions) {
      wholes.push_back({{partition.name, "", partition.bytes}, partition.rows});
    }
  }
  std::vector<RowRange> ranges;
  for (const auto& [all, rows] : wholes) {
    const Column* column = table.key.columns.empty() ? nullptr : table.column(table.key.columns[0]);
    std::vector<RowRange> cut = {all};
    if (column != nullptr && all.bytes > part_bytes && rows > 0) {
      const std::uint64_t wanted = std::max(part_bytes, all.bytes / (parts_max / 2));
      const double share = static_cast<double>(wanted) / static_cast<double>(all.bytes);
      const auto rows_wanted = static_cast<std::uint64_t>(static_cast<double>(rows) * share) + 1;
      const bool stepped = has_plain_text(*column) || !literal_of(*column, "00").empty();
      if (is_whole(*column)) {
        cut = TRY(cut_whole(session, table, all, share));
      } else if (stepped) {
        cut = TRY(cut_by_steps(session, table, all, rows_wanted));
      }
    }
    ranges.insert(ranges.end(), cut.begin(), cut.end());
  }
  return ranges;
}

std::string select_sql(const Table& table, const RowRange& range) {
  std::string sql = "SELECT " + select_list(table) + " FROM " + place_of(table, range.partition) +
                    where_of({range.condition});
  if (table.key.columns.empty()) return sql;
  std::vector<std::string> names;
  for (const std::string& name : table.key.columns) names.push_back(quote_name(name));
  return sql + " ORDER BY " + base::join(names, ", ");
}

}  // namespace stillpoint::database::mysql
