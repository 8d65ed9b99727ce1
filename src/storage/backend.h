// SPDX-License-Identifier: Apache-2.0
// Where bytes are kept: a flat map from name to object.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::storage {

enum class PutMode { create_only, replace };

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = std::numeric_limits<std::uint64_t>::max();  // to the end
};

struct ObjectInfo {
  std::string name = {};
  std::uint64_t bytes = 0;
};

// What a storage is able to do; data, so that it can be printed and decided by.
struct Properties {
  int connections_max = 1;             // more requests at once than this gain nothing
  std::uint64_t object_bytes_max = 0;  // larger objects are refused
  bool lasting = true;                 // objects survive the process
  bool distant = false;                // a request takes long: a cache in front of it pays
};

using Visit = std::function<Result<void>(const ObjectInfo&)>;

// Promises, checked by storage::check (and tests/conformance/storage_test.cpp) for every backend:
//   1. put is atomic: a reader, or a crash, sees the whole object, or the one before, or none.
//   2. put with create_only never replaces, even when writers race: one wins, the others get
//      already_exists.
//   3. Once put has returned, the object lasts (a power cut included); get, stat and list see it.
//   4. Every member may be called from several threads at once.
//   5. get and stat of what is not there: not_found. A range that begins or ends after the object's
//      end: corrupt, since whoever asked believed the object longer. Never fewer bytes than asked.
//   6. remove of what is not there succeeds.
//   7. list names every object under the prefix once, in any order, while others put and remove;
//      the visitor may do so too. A failure of the visitor ends it.
// A failure that may pass when tried again is `unavailable`; decorators (retrying.h) rely on it.
// Names are 1 to 200 bytes of a-z, 0-9, '/', '.', '_' and '-', relative, with no component that is
// empty or begins or ends with a dot (NFS keeps removed files as ".nfs…"), and outside of "tmp",
// where folders keep unfinished files; anything else is `invalid`. An object is not the folder of
// another: beside "a", "a/b" may be refused.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Properties properties() const = 0;
  virtual std::string url() const = 0;  // for messages; never with a secret
  virtual Result<void> put(std::string_view name, ByteView bytes, PutMode mode) = 0;
  virtual Result<Bytes> get(std::string_view name, ByteRange range) = 0;
  virtual Result<ObjectInfo> stat(std::string_view name) = 0;
  // `prefix` is a folder of names ("snapshots/") or empty for everything.
  virtual Result<void> list(std::string_view prefix, const Visit& visit) = 0;
  virtual Result<void> remove(std::string_view name) = 0;
  // Nobody will put below this prefix again: where storage has folders, empty ones may go.
  virtual void tidy(std::string_view /*prefix*/) {}

  Result<Bytes> get(std::string_view name) { return get(name, ByteRange{}); }
};

Result<void> check_name(std::string_view name);
Result<void> check_prefix(std::string_view prefix);

// Opens the storage that a URL names: "/path", "file:///path", "local:/path" or "memory:NAME";
// nothing is created before the first put. The kinds are the table in open.cpp.
Result<std::unique_ptr<Backend>> open(std::string_view url);

}  // namespace stillpoint::storage
