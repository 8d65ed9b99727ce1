// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database/database.h"
#include "database/mysql/target/server.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/switch.h"
#include "database/switchover.h"

namespace stillpoint::database::mysql {

struct SchemaTicket {
  std::string journal = {};  // the staging schema that has the journal
  std::string token = {};
  std::vector<std::string> kept = {};  // the schemas that the old is kept in; none: there was none
  std::string schema = {};             // one of the new tables, once it is in place;
  std::string table = {};              // empty: the schema has none
};
std::string encode_ticket(const SchemaTicket& ticket);
Result<SchemaTicket> decode_ticket(const std::string& text);

// The switch of schemas, table by table. Closed is what is not there: the old tables are in the
// kept schemas, the new ones wait under names of ours. swap() decides which will be put in place,
// and open() does it. All of it is told from the journal in the staging schema, which goes last.
class SchemaSwitchover final : public Switchover {
 public:
  SchemaSwitchover(Address address, SchemaTicket ticket)
      : address_(std::move(address)), ticket_(std::move(ticket)) {}

  Result<void> close(bool force) override;
  bool closed_for_good() const override { return true; }
  Result<std::string> swap() override;
  Result<void> swap_back() override;
  Result<void> open() override;
  Result<void> discard() override;

 private:
  // The switch as it is now; nothing where the staging is gone.
  Result<std::unique_ptr<Switch>> look();
  Result<void> connect();
  Result<bool> completed();
  Result<std::vector<std::string>> kept();
  Result<void> refuse_unless_completed();
  Result<void> sweep();
  std::string replacing() const;  // "replace schema shop on db1:3306"

  const Address address_;
  const SchemaTicket ticket_;
  std::optional<RestoreServer> server_;
  std::unique_ptr<Staging> staging_;
  // What was asked for here: a server that crashed may have lost the note of it.
  std::optional<bool> forward_;
};

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket);

}  // namespace stillpoint::database::mysql
