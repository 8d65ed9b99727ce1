// SPDX-License-Identifier: Apache-2.0
#include "repository/host.h"

#include <array>
#include <vector>

#include <pwd.h>
#include <unistd.h>

namespace stillpoint::repository {
namespace {

std::string name_of_user(uid_t uid) {
  std::vector<char> buffer(16384);
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(uid);
}

}  // namespace

Host this_host() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  return {name.data(), name_of_user(geteuid()), geteuid(), getegid(),
          static_cast<std::uint64_t>(getpid())};
}

}  // namespace stillpoint::repository
