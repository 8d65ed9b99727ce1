// SPDX-License-Identifier: Apache-2.0
// Files that are written in tmp/ and then get their name all at once.
#pragma once

#include <string>

#include "base/file.h"
#include "storage/backend.h"

namespace stillpoint::storage {

// A place in an open folder.
struct Place {
  int folder = -1;
  std::string name = {};
};

// Both give `from` the name `to` unless that exists, and return 0 or the errno. The link leaves
// `from` where it is. Not every file system can do either.
int rename_exclusively(const Place& from, const Place& to);
int link_exclusively(const Place& from, const Place& to);

// A file in the folder tmp, removed again unless it was moved away.
class Temporary {
 public:
  // `shown` is the folder's path, for messages.
  static Result<Temporary> write(int folder, const std::string& shown, ByteView bytes);
  ~Temporary();
  Temporary(Temporary&& other) noexcept : place_(std::exchange(other.place_, {})) {}
  Temporary& operator=(Temporary&&) = delete;

  // Lasting only once the folder of `to` was synced.
  Result<void> move_to(const Place& to, PutMode mode, const std::string& shown);

 private:
  explicit Temporary(Place place) : place_(std::move(place)) {}
  Place place_;
};

// Removes what writers left behind that are no more and wrote more than a day ago.
void remove_stale(int folder, const std::vector<std::string>& names);

}  // namespace stillpoint::storage
