// SPDX-License-Identifier: Apache-2.0
#include "repository/key_file.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/random.h"
#include "repository/host.h"
#include "repository/json_read.h"

namespace stillpoint::repository {
namespace {

constexpr std::size_t salt_bytes = 64;

Json json_of(const SealKey& key) {
  return {{"mac", {{"k", base::base64(key.mac_k)}, {"r", base::base64(key.mac_r)}}},
          {"encrypt", base::base64(key.encrypt)}};
}

Result<void> read_bytes(const Json& from, const char* name, std::span<Byte> out) {
  const Bytes bytes = TRY(base::from_base64(text_or(from, name)));
  if (bytes.size() != out.size()) return fail(Errc::corrupt, "'{}' has a wrong length", name);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

Result<SealKey> key_of(const Json& json) {
  const auto mac = json.find("mac");
  if (mac == json.end() || !mac->is_object()) return fail(Errc::corrupt, "'mac' is missing");
  SealKey key;
  TRY(read_bytes(json, "encrypt", key.encrypt));
  TRY(read_bytes(*mac, "k", key.mac_k));
  TRY(read_bytes(*mac, "r", key.mac_r));
  return key;
}

}  // namespace

Result<std::string> encode_key_file(const SealKey& repository_key, const base::Secret& password,
                                    const ScryptCost& cost) {
  Bytes salt(salt_bytes);
  base::secure_random(salt);
  const SealKey user_key = TRY(derive_key(password.reveal(), salt, cost));
  const std::string plain = write_json(json_of(repository_key));
  const Host host = this_host();
  return write_json({{"created", base::format_time(base::now())},
                     {"username", host.user},
                     {"hostname", host.name},
                     {"kdf", "scrypt"},
                     {"N", cost.n},
                     {"r", cost.r},
                     {"p", cost.p},
                     {"salt", base::base64(salt)},
                     {"data", base::base64(seal(user_key, base::view_of(plain)))}});
}

Result<std::optional<SealKey>> open_key_file(ByteView text, const base::Secret& password) {
  const Json json = TRY(parse_json(text));
  if (text_or(json, "kdf") != "scrypt") return fail(Errc::unsupported, "its 'kdf' is not scrypt");
  const Bytes salt = TRY_DURING("salt", base::from_base64(text_or(json, "salt")));
  const Bytes data = TRY_DURING("data", base::from_base64(text_or(json, "data")));
  const ScryptCost cost{number_or(json, "N"), static_cast<std::uint32_t>(number_or(json, "r")),
                        static_cast<std::uint32_t>(number_or(json, "p"))};
  const SealKey user_key = TRY(derive_key(password.reveal(), salt, cost));
  // A wrong password and damaged data look the same: the code does not match.
  const Result<Bytes> plain = unseal(user_key, data);
  if (!plain) return std::optional<SealKey>();
  return std::optional<SealKey>(TRY(key_of(TRY(parse_json(*plain)))));
}

Result<KeyOwner> decode_key_owner(ByteView text) {
  const Json json = TRY(parse_json(text));
  KeyOwner owner;
  owner.created = TRY(time_of(json, "created"));
  owner.user = text_or(json, "username");
  owner.host = text_or(json, "hostname");
  return owner;
}

}  // namespace stillpoint::repository
