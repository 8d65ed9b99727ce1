// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/load_part.h"

#include <algorithm>
#include <chrono>

#include "base/limits.h"
#include "base/text.h"
#include "database/row_sum.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::size_t batch_bytes = 4 * limits::MiB;
// Of a part's rows: a replica may have to get all of them first.
constexpr std::chrono::minutes commit_of_rows_max{2};
// The server's own limit on a row, and then some.
constexpr std::size_t row_bytes_max = 4 * limits::GiB;

class LoadPart : public Target::StagedPart {
 public:
  LoadPart(Staging& staging, Staging::Loan session, std::string path, std::string doing,
           std::string sql, std::uint64_t bytes, AfterPart then)
      : staging_(staging),
        session_(std::move(session)),
        path_(std::move(path)),
        doing_(std::move(doing)),
        sql_(std::move(sql)),
        bytes_(bytes),
        then_(std::move(then)) {}

  Result<void> begin() {
    TRY_DURING(doing_, session_->execute("START TRANSACTION"));
    return {};
  }

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    if (offset != written_) return fail(Errc::internal, "{}: pieces out of order", doing_);
    written_ += bytes.size();
    if (batch_.size() + bytes.size() > row_bytes_max) {
      return fail(Errc::corrupt, "{}: a row without an end", doing_);
    }
    base::append(batch_, bytes);
    add_whole_rows();
    return whole_ >= batch_bytes ? load() : Result<void>();
  }

  Result<void> finish() override {
    if (written_ != bytes_ || whole_ != batch_.size()) {
      return fail(Errc::corrupt, "{}: {} of its {} bytes came", doing_, written_, bytes_);
    }
    TRY(load());
    const Receipt receipt = sum_.receipt();
    TRY_DURING(doing_, staging_.note(*session_, path_, receipt));
    session_->limit_each(commit_of_rows_max);
    TRY_DURING(doing_, session_->execute("COMMIT"));
    session_->unlimit();
    staging_.confirm(path_, receipt);
    TRY(then_(*session_));
    session_.give_back();
    return {};
  }

 private:
  // Line feeds within values are escaped: each one ends a row.
  void add_whole_rows() {
    while (searched_ < batch_.size()) {
      const auto begin = batch_.begin() + static_cast<std::ptrdiff_t>(searched_);
      const auto end = std::find(begin, batch_.end(), Byte{'\n'});
      searched_ = static_cast<std::size_t>(end - batch_.begin());
      if (end == batch_.end()) return;
      ++searched_;
      sum_.add_row(ByteView(batch_).subspan(whole_, searched_ - whole_));
      ++rows_;
      whole_ = searched_;
    }
  }

  Result<void> load() {
    if (whole_ == 0) return {};
    TRY_DURING(doing_, session_->load(sql_, ByteView(batch_).first(whole_), rows_));
    batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(whole_));
    searched_ -= whole_;
    whole_ = 0;
    rows_ = 0;
    return {};
  }

  Staging& staging_;
  Staging::Loan session_;
  const std::string path_;
  const std::string doing_;
  const std::string sql_;
  const std::uint64_t bytes_;
  const AfterPart then_;
  std::uint64_t written_ = 0;
  Bytes batch_;
  std::size_t whole_ = 0;     // so many bytes of it are whole rows
  std::size_t searched_ = 0;  // so many have been looked at
  std::uint64_t rows_ = 0;    // in the batch
  RowSum sum_;
};

}  // namespace

Result<std::unique_ptr<Target::StagedPart>> load_part(Staging& staging, const LoadPlace& place,
                                                      const std::string& path, std::uint64_t bytes,
                                                      AfterPart then, const std::stop_token& stop) {
  const std::string doing =
      "fill the table " + base::printable(display_qualified(place.schema, place.table));
  const std::string sql = "LOAD DATA LOCAL INFILE 'stillpoint' INTO TABLE " +
                          quote_qualified(place.schema, place.table) + " ";
  Staging::Loan session = TRY_DURING(doing, staging.borrow(stop));
  auto part = std::make_unique<LoadPart>(staging, std::move(session), path, doing,
                                         sql + place.format, bytes, std::move(then));
  TRY(part->begin());
  return part;
}

}  // namespace stillpoint::database::mysql
