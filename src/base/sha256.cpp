// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/encoding.h"

namespace stillpoint::base {

std::string Id::hex() const {
  return base::hex(bytes);
}

bool Id::parse(std::string_view text, Id& out) {
  return from_hex(text, out.bytes);
}

Id sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Fetched once: an implicit fetch at every start costs more than hashing a small piece.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), algorithm, nullptr);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Free::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

void Sha256::update(ByteView bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size());
}

Id Sha256::finish() {
  Id id;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), id.bytes.data(), nullptr);
  return id;
}

}  // namespace stillpoint::base
