// SPDX-License-Identifier: Apache-2.0
// keys/<id>: the repository's own key, sealed with one that is derived from a password.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "repository/crypto.h"

namespace stillpoint::repository {

// The text of a new key file.
Result<std::string> encode_key_file(const SealKey& repository_key, const base::Secret& password,
                                    const ScryptCost& cost);
// The repository's key, or nothing where the password is not this file's.
Result<std::optional<SealKey>> open_key_file(ByteView text, const base::Secret& password);

// Who made it. Not authenticated: anybody who can write to the storage can change it.
struct KeyOwner {
  base::Time created = {};
  std::string user = {};
  std::string host = {};
};
Result<KeyOwner> decode_key_owner(ByteView text);

}  // namespace stillpoint::repository
