// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/copy_in.h"

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

class CopyPart : public Target::StagedPart {
 public:
  CopyPart(Staging& staging, Staging::Loan session, std::string path, std::string doing,
           std::uint64_t bytes)
      : staging_(staging),
        session_(std::move(session)),
        path_(std::move(path)),
        doing_(std::move(doing)),
        bytes_(bytes) {}

  Result<void> begin(const std::string& prepare, const std::string& copy) {
    TRY_DURING(doing_, session_->execute("BEGIN" + prepare));
    TRY_DURING(doing_, session_->copy_begin(copy));
    return {};
  }

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    if (offset != written_) return fail(Errc::internal, "{}: pieces out of order", doing_);
    written_ += bytes.size();
    sum_.add(bytes);
    TRY_DURING(doing_, session_->copy_write(bytes));
    return {};
  }

  Result<void> finish() override {
    if (written_ != bytes_ || !sum_.complete()) {
      return fail(Errc::corrupt, "{}: {} of its {} bytes came", doing_, written_, bytes_);
    }
    const std::uint64_t taken = TRY_DURING(doing_, session_->copy_end());
    const Receipt receipt = sum_.receipt();
    if (taken != receipt.rows) {
      return fail(Errc::corrupt, "{}: the server took {} of {} rows", doing_, taken, *receipt.rows);
    }
    TRY_DURING(doing_, staging_.note(*session_, path_, receipt));
    TRY_DURING(doing_, session_->execute("COMMIT"));
    staging_.confirm(path_, receipt);
    session_.give_back();
    return {};
  }

 private:
  Staging& staging_;
  Staging::Loan session_;
  const std::string path_;
  const std::string doing_;
  const std::uint64_t bytes_;
  std::uint64_t written_ = 0;
  RowSum sum_;
};

}  // namespace

Result<std::unique_ptr<Target::StagedPart>> copy_in(Staging& staging, const CopyTable& table,
                                                    const std::string& path, std::uint64_t bytes,
                                                    const std::stop_token& stop) {
  const std::string name = quote_qualified(table.schema, table.name);
  const std::string doing =
      "fill the table " + base::printable(display_qualified(table.schema, table.name));
  const std::string copy = "COPY " + name + column_list(table.columns) +
                           " FROM STDIN WITH (FORMAT text, ENCODING " + quote_text(table.encoding) +
                           (table.freeze ? ", FREEZE)" : ")");
  Staging::Loan session = TRY_DURING(doing, staging.borrow(stop));
  auto part = std::make_unique<CopyPart>(staging, std::move(session), path, doing, bytes);
  TRY(part->begin(table.freeze ? "; TRUNCATE ONLY " + name : "", copy));
  return part;
}

}  // namespace stillpoint::database::postgresql
