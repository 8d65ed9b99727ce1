// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace stillpoint::base {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::denied:
      return "denied";
    case Errc::no_space:
      return "no_space";
    case Errc::corrupt:
      return "corrupt";
    case Errc::unavailable:
      return "unavailable";
    case Errc::busy:
      return "busy";
    case Errc::unsupported:
      return "unsupported";
    case Errc::cancelled:
      return "cancelled";
    case Errc::no_repository:
      return "no_repository";
    case Errc::locked:
      return "locked";
    case Errc::wrong_password:
      return "wrong_password";
    case Errc::unproven:
      return "unproven";
    case Errc::not_held:
      return "not_held";
    case Errc::still_held:
      return "still_held";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

namespace {

Errc code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case EEXIST:
      return Errc::already_exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::no_space;
    case EISDIR:
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return Errc::invalid;
    default:
      return Errc::unavailable;
  }
}

std::string advice_for(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "check the owner and the permissions, or run as another user";
    case EROFS:
      return "the file system is mounted read-only; choose another place or remount it";
    case ENOSPC:
    case EDQUOT:
      return "free some space, or choose another place, and run the same command again";
    default:
      return {};
  }
}

}  // namespace

Error system_error(std::string_view what, int error_number) {
  return Error{code_of(error_number),
               std::string(what) + ": " + std::generic_category().message(error_number),
               advice_for(error_number)};
}

}  // namespace stillpoint::base
