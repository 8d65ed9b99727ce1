// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "database/database.h"
#include "database/switchover.h"

namespace stillpoint::database::sqlite {

struct FileTicket {
  std::string path = {};     // of the database
  std::string staged = {};   // in the same folder
  std::uint64_t inode = 0;   // of the staged file: tells it from the old one under every name
  std::int64_t written = 0;  // when the staged file was, in nanoseconds
  std::string kept = {};     // where the old one goes
  bool had_old = false;
};
// For a staged file and what stands at `path` now.
Result<FileTicket> make_ticket(const std::string& path, const std::string& staged);
std::string encode_ticket(const FileTicket& ticket);
Result<FileTicket> decode_ticket(const std::string& text);

// The switch of a database file. Both files are kept closed by locks, which end with this object;
// they are only touched through SQLite or by name, never opened and closed otherwise.
class FileSwitchover final : public Switchover {
 public:
  explicit FileSwitchover(FileTicket ticket) : ticket_(std::move(ticket)) {}

  Result<void> close(bool force) override;
  bool closed_for_good() const override { return false; }
  Result<std::string> swap() override;
  Result<void> swap_back() override;
  Result<void> open() override;
  Result<void> discard() override;

 private:
  Result<void> settle_names() const;
  bool swapped() const;
  bool written_since() const;
  Result<void> lock(const std::string& path, base::File& file) const;

  const FileTicket ticket_;
  base::File at_path_;  // locks on the file in place, and on the one that is to come or was there
  base::File beside_;
};

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket);

}  // namespace stillpoint::database::sqlite
