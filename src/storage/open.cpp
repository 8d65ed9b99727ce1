// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"
#include "storage/backend.h"
#include "storage/local/local_backend.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::storage {
namespace {

using Opened = Result<std::unique_ptr<Backend>>;

// file:///path, file://localhost/path and file:/path; %20 stands for a space.
Opened open_file(std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::string_view host = rest.substr(0, rest.find('/'));
    if (!host.empty() && host != "localhost") {
      return fail(Errc::unsupported, "file://{}: only files of this machine are opened",
                  base::printable(host));
    }
    rest.remove_prefix(host.size());
  }
  if (!rest.starts_with('/')) {
    return fail(Errc::invalid, "a file URL needs an absolute path: file:///path");
  }
  return open_local(TRY(base::percent_decode(rest)));
}

Opened open_path(std::string_view path) {
  return open_local(std::string(path));
}

Opened open_named_memory(std::string_view name) {
  if (name.empty()) return fail(Errc::invalid, "a storage in memory needs a name: memory:NAME");
  return open_memory(std::string(name));
}

struct Kind {
  std::string_view scheme;
  std::string_view form;
  Opened (*open)(std::string_view rest);  // what comes after "scheme:"
};

constexpr std::array kinds = {
    Kind{"file", "file:///path", open_file},
    Kind{"local", "local:/path", open_path},
    Kind{"memory", "memory:NAME", open_named_memory},
};

// "sftp" of "sftp:host:/path"; empty where it is a path: no colon, or one behind a slash.
std::string_view scheme_of(std::string_view url) {
  const std::size_t end = url.find_first_of(":/");
  if (end == std::string_view::npos || url[end] == '/') return {};
  return url.substr(0, end);
}

// Tells the scheme alone: what follows it may hold a password.
Error unknown_scheme(std::string_view scheme) {
  std::vector<std::string> schemes;
  std::vector<std::string> forms = {"/path"};
  for (const Kind& kind : kinds) {
    schemes.emplace_back(kind.scheme);
    forms.emplace_back(kind.form);
  }
  const std::string nearest = base::closest(scheme, schemes);
  const std::string hint = nearest.empty() ? "" : "did you mean " + nearest + ":? ";
  return {Errc::unsupported,
          fmt::format("no kind of storage is called '{}'; there are {}", base::printable(scheme),
                      base::join(forms, ", ")),
          hint + "write ./ in front of a folder's name that has a colon"};
}

}  // namespace

Result<std::unique_ptr<Backend>> open(std::string_view url) {
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) return open_path(url);
  for (const Kind& kind : kinds) {
    if (kind.scheme == scheme) return kind.open(url.substr(scheme.size() + 1));
  }
  return fail(unknown_scheme(scheme));
}

}  // namespace stillpoint::storage
