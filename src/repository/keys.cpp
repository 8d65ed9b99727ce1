// SPDX-License-Identifier: Apache-2.0
#include "repository/keys.h"

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"
#include "repository/key_file.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;

bool same_key(const SealKey& a, const SealKey& b) {
  return a.encrypt == b.encrypt && a.mac_k == b.mac_k && a.mac_r == b.mac_r;
}

Result<Bytes> load_key(const Repository& repository, const Id& id) {
  const std::string name = name_of_file(FileKind::key, id);
  return TRY_DURING("read " + name, repository.backend().get(name));
}

// Whether this password opens this key file, and it holds this repository's key.
Result<bool> opens(const Repository& repository, const Id& id, const base::Secret& password) {
  const Bytes text = TRY(load_key(repository, id));
  if (base::sha256(text) != id) {
    return fail(Errc::corrupt, "key {}: its bytes do not have the hash that is its name",
                id.brief());
  }
  const auto key = TRY_DURING("key " + id.brief(), open_key_file(text, password));
  return key && same_key(*key, repository.key());
}

// Removes a key because another stays. Whoever was stopped for so long that its lock expired
// removes it too late, when others may have removed the one that was to stay: so it looks
// afterwards, and takes back what it did. Of several who do so, the one that looks last sees what
// the others did.
Result<void> remove_key_file(Repository& repository, const Id& key, const Id& staying) {
  const std::string doing = "remove key " + key.brief();
  const Result<Bytes> text = load_key(repository, key);
  if (!text && text.error().code == Errc::not_found) return {};
  if (!text && text.error().code != Errc::corrupt) return fail(Error(text.error()).during(doing));
  TRY_DURING(doing, repository.remove_file(FileKind::key, key));
  const auto there = repository.backend().stat(name_of_file(FileKind::key, staying));
  if (there || there.error().code != Errc::not_found || !text) return {};
  TRY_DURING(doing + ": put it back, since key " + staying.brief() + " is gone",
             repository.backend().put(name_of_file(FileKind::key, key), *text, PutMode::replace));
  return fail(Error{Errc::locked,
                    doing + ": somebody else has removed key " + staying.brief() +
                        ", which was to stay; it was put back",
                    "see which keys there are: stillpoint key list"});
}

}  // namespace

Result<std::vector<KeyInfo>> list_keys(const Repository& repository) {
  std::vector<KeyInfo> keys;
  const std::vector<Id> ids = TRY(repository.list_files(FileKind::key));
  for (const Id& id : ids) {
    KeyInfo info;
    info.id = id;
    info.in_use = id == repository.key_in_use();
    const Result<Bytes> text = load_key(repository, id);
    if (!text && text.error().code == Errc::not_found) continue;  // removed in this moment
    if (!text && text.error().code != Errc::corrupt) return fail(Error(text.error()));
    const Result<KeyOwner> owner =
        text ? decode_key_owner(*text) : Result<KeyOwner>(fail(Error(text.error())));
    if (owner) {
      info.created = owner->created;
      info.user = owner->user;
      info.host = owner->host;
    } else {
      info.problem = owner.error().message;
    }
    keys.push_back(std::move(info));
  }
  std::stable_sort(keys.begin(), keys.end(), [](const KeyInfo& a, const KeyInfo& b) {
    if (a.problem.empty() != b.problem.empty()) return a.problem.empty();
    return a.created < b.created;
  });
  return keys;
}

Result<Id> find_key(const Repository& repository, std::string_view front) {
  std::vector<Id> found;
  const std::vector<Id> ids = TRY(repository.list_files(FileKind::key));
  for (const Id& id : ids) {
    if (!front.empty() && id.hex().starts_with(front)) found.push_back(id);
  }
  if (found.size() == 1) return found[0];
  const std::string name = base::printable(front);
  if (found.empty()) {
    return fail(Error{Errc::not_found, "no key of the repository is called '" + name + "'",
                      "see them all: stillpoint key list"});
  }
  return fail(Error{Errc::invalid, "'" + name + "' is the front of several keys' ids",
                    "give more of the id"});
}

Result<Id> add_key(Repository& repository, const base::Secret& password, const ScryptCost& cost) {
  const std::string doing = "add a key to " + repository.url();
  const std::vector<Id> before = TRY_DURING(doing, repository.list_files(FileKind::key));
  if (before.size() >= limits::key_files_max) {
    return fail(Error{Errc::invalid,
                      fmt::format("{}: there are {} keys, and no more than {} are tried", doing,
                                  before.size(), limits::key_files_max),
                      "remove one that nobody uses: stillpoint key list, stillpoint key remove"});
  }
  const std::string text = TRY_DURING(doing, encode_key_file(repository.key(), password, cost));
  const Id id = base::sha256(base::view_of(text));
  TRY_DURING(doing, repository.backend().put(name_of_file(FileKind::key, id), base::view_of(text),
                                             PutMode::create_only));
  if (!TRY_DURING(doing + ": try it", opens(repository, id, password))) {
    return fail(Errc::corrupt, "{}: key {} does not open with its password", doing, id.brief());
  }
  return id;
}

Result<void> remove_key(Repository& repository, const Id& key) {
  if (key == repository.key_in_use()) {
    return fail(Error{Errc::invalid,
                      "remove key " + key.brief() + ": it is the one whose password is in use",
                      "replace it: stillpoint key change; or give the password of a key that "
                      "stays: --other-password-file"});
  }
  // Somebody may have removed ours since it was opened: then this may be the last one.
  TRY_DURING("remove key " + key.brief() + ": look for the key in use",
             repository.backend().stat(name_of_file(FileKind::key, repository.key_in_use())));
  return remove_key_file(repository, key, repository.key_in_use());
}

Result<void> remove_key(Repository& repository, const Id& key, const base::Secret& other) {
  const std::string doing = "remove key " + key.brief();
  const std::vector<Id> ids = TRY_DURING(doing, repository.list_files(FileKind::key));
  for (const Id& id : ids) {
    if (id == key) continue;
    const Result<bool> opened = opens(repository, id, other);
    if (opened && *opened) return remove_key_file(repository, key, id);
    if (opened || opened.error().code == Errc::corrupt) continue;
    if (opened.error().code == Errc::unsupported || opened.error().code == Errc::invalid) continue;
    return fail(Error(opened.error()).during(doing));
  }
  return fail(Error{Errc::wrong_password, doing + ": the other password opens no key that stays",
                    "add one first: stillpoint key add"});
}

Result<Id> change_key(Repository& repository, const base::Secret& password,
                      const ScryptCost& cost) {
  const Id old = repository.key_in_use();
  const Id added = TRY(add_key(repository, password, cost));
  if (auto removed = remove_key_file(repository, old, added); !removed) {
    if (removed.error().code == Errc::locked) return fail(std::move(removed.error()));
    return fail(Error{removed.error().code,
                      "the new password is in force, but the old one still opens the repository: " +
                          removed.error().message,
                      "with the new password: stillpoint key remove " + old.brief()});
  }
  return added;
}

}  // namespace stillpoint::repository
