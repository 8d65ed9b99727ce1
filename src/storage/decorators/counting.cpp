// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/counting.h"

namespace stillpoint::storage {

template <class T>
Result<T> Counting::counted(std::atomic<std::uint64_t>& calls, Result<T> result) {
  ++calls;
  if (!result && result.error().code != Errc::not_found &&
      result.error().code != Errc::already_exists) {
    ++counters_->failures;
  }
  return result;
}

Result<void> Counting::put(std::string_view name, ByteView bytes, PutMode mode) {
  Result<void> result = counted(counters_->puts, inner().put(name, bytes, mode));
  if (result) counters_->bytes_up += bytes.size();
  return result;
}

Result<Bytes> Counting::get(std::string_view name, ByteRange range) {
  Result<Bytes> result = counted(counters_->gets, inner().get(name, range));
  if (result) counters_->bytes_down += result->size();
  return result;
}

Result<ObjectInfo> Counting::stat(std::string_view name) {
  return counted(counters_->stats, inner().stat(name));
}

Result<void> Counting::list(std::string_view prefix, const Visit& visit) {
  return counted(counters_->lists, inner().list(prefix, visit));
}

Result<void> Counting::remove(std::string_view name) {
  return counted(counters_->removes, inner().remove(name));
}

}  // namespace stillpoint::storage
