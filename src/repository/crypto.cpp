// SPDX-License-Identifier: Apache-2.0
#include "repository/crypto.h"

#include <cstring>
#include <memory>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/random.h"

namespace stillpoint::repository {
namespace {

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Free>;
using Mac = std::unique_ptr<EVP_MAC_CTX, Free>;

// One set a thread: contexts and algorithms are costly to make and cheap to use again.
struct Engine {
  Cipher ctr{EVP_CIPHER_CTX_new()};
  Cipher block{EVP_CIPHER_CTX_new()};
  Mac poly;
  Engine() {
    static EVP_MAC* const poly1305 = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
    static EVP_CIPHER* const aes_ctr = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
    static EVP_CIPHER* const aes_block = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
    poly.reset(EVP_MAC_CTX_new(poly1305));
    EVP_EncryptInit_ex2(ctr.get(), aes_ctr, nullptr, nullptr, nullptr);
    EVP_EncryptInit_ex2(block.get(), aes_block, nullptr, nullptr, nullptr);
  }
};

Engine& engine() {
  thread_local Engine value;
  return value;
}

// In place is allowed. CTR mode: encryption and decryption are the same.
void crypt(const SealKey& key, const Byte* iv, ByteView from, Byte* to) {
  EVP_CIPHER_CTX* const context = engine().ctr.get();
  EVP_EncryptInit_ex2(context, nullptr, key.encrypt.data(), iv, nullptr);
  constexpr std::size_t step = 1U << 30;  // OpenSSL counts in int
  for (std::size_t at = 0; at < from.size(); at += step) {
    int written = 0;
    EVP_EncryptUpdate(context, to + at, &written, from.data() + at,
                      static_cast<int>(std::min(step, from.size() - at)));
  }
}

// Poly1305-AES (Bernstein): the one-time pad is AES-128 of the nonce.
std::array<Byte, mac_bytes> authenticate(const SealKey& key, const Byte* iv, ByteView text) {
  Engine& use = engine();
  std::array<Byte, 32> one_time = {};
  std::memcpy(one_time.data(), key.mac_r.data(), 16);
  EVP_EncryptInit_ex2(use.block.get(), nullptr, key.mac_k.data(), nullptr, nullptr);
  EVP_CIPHER_CTX_set_padding(use.block.get(), 0);
  int written = 0;
  EVP_EncryptUpdate(use.block.get(), one_time.data() + 16, &written, iv, 16);
  std::array<Byte, mac_bytes> code = {};
  std::size_t size = code.size();
  EVP_MAC_init(use.poly.get(), one_time.data(), one_time.size(), nullptr);
  EVP_MAC_update(use.poly.get(), text.data(), text.size());
  EVP_MAC_final(use.poly.get(), code.data(), &size, code.size());
  return code;
}

SealKey key_from(const std::array<Byte, 64>& bytes) {
  SealKey key;
  std::memcpy(key.encrypt.data(), bytes.data(), 32);
  std::memcpy(key.mac_k.data(), bytes.data() + 32, 16);
  std::memcpy(key.mac_r.data(), bytes.data() + 48, 16);
  // The bits that Poly1305 ignores are kept clear, as restic does.
  for (std::size_t i : {3U, 7U, 11U, 15U}) key.mac_r[i] &= 15;
  for (std::size_t i : {4U, 8U, 12U}) key.mac_r[i] &= 252;
  return key;
}

}  // namespace

SealKey random_key() {
  std::array<Byte, 64> bytes = {};
  base::secure_random(bytes);
  return key_from(bytes);
}

Result<SealKey> derive_key(std::string_view password, ByteView salt, const ScryptCost& cost) {
  constexpr std::uint64_t memory_max = 1ULL << 30;
  std::array<Byte, 64> bytes = {};
  if (cost.n < 2 || cost.n > (1ULL << 24) || cost.r < 1 || cost.r > 64 || cost.p < 1 ||
      cost.p > 256 ||
      EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(), cost.n, cost.r,
                     cost.p, memory_max, bytes.data(), bytes.size()) != 1) {
    return fail(Errc::corrupt, "the key file asks for scrypt with N={} r={} p={}, which is refused",
                cost.n, cost.r, cost.p);
  }
  SealKey key;
  std::memcpy(key.encrypt.data(), bytes.data(), 32);
  std::memcpy(key.mac_k.data(), bytes.data() + 32, 16);
  std::memcpy(key.mac_r.data(), bytes.data() + 48, 16);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

void append_sealed(Bytes& out, const SealKey& key, ByteView plain) {
  const std::size_t start = out.size();
  out.resize(start + plain.size() + seal_overhead);
  Byte* const iv = out.data() + start;
  Byte* const text = iv + iv_bytes;
  base::secure_random({iv, iv_bytes});
  crypt(key, iv, plain, text);
  const auto code = authenticate(key, iv, {text, plain.size()});
  std::memcpy(text + plain.size(), code.data(), mac_bytes);
}

Bytes seal(const SealKey& key, ByteView plain) {
  Bytes out;
  append_sealed(out, key, plain);
  return out;
}

Result<Bytes> unseal(const SealKey& key, ByteView sealed) {
  if (sealed.size() < seal_overhead) return fail(Errc::corrupt, "sealed bytes are too short");
  const ByteView text = sealed.subspan(iv_bytes, sealed.size() - seal_overhead);
  const auto code = authenticate(key, sealed.data(), text);
  if (CRYPTO_memcmp(code.data(), text.data() + text.size(), mac_bytes) != 0) {
    return fail(Errc::corrupt, "the authentication code does not match: the bytes were changed");
  }
  Bytes plain(text.size());
  crypt(key, sealed.data(), text, plain.data());
  return plain;
}

}  // namespace stillpoint::repository
