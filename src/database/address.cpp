// SPDX-License-Identifier: Apache-2.0
#include "database/address.h"

#include "base/secret_source.h"

namespace stillpoint::database {

Result<base::Secret> password_of(const Address& address) {
  if (!address.password_file.empty()) return base::read_password_file(address.password_file);
  if (!address.password_command.empty()) {
    return base::ask_password_command(address.password_command);
  }
  return base::Secret();
}

}  // namespace stillpoint::database
