// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/location.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::string_view example = "mysql://user@host:3306/schema?ssl-mode=verify_identity";

// The pieces of a URL, without the marks between them.
struct Pieces {
  std::string_view scheme;
  std::string_view user;
  std::string_view password;
  bool with_password = false;
  std::string_view host;  // without brackets
  std::string_view port;
  std::string_view path;
  std::string_view parameters;
};

Error unreadable(const std::string& why) {
  return Error{Errc::invalid, "read the database's URL: " + why,
               "write it as " + std::string(example) +
                   "; in a user's name or a password, / is %2F, @ is %40, : is %3A and % is %25"};
}

Result<void> cut_host(std::string_view text, Pieces& pieces) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return fail(unreadable("a [ without a ]"));
    pieces.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && text[0] != ':') return fail(unreadable("something follows the ]"));
    pieces.port = text.empty() ? text : text.substr(1);
    return {};
  }
  const std::size_t colon = text.find(':');
  pieces.host = text.substr(0, colon);
  if (colon != std::string_view::npos) pieces.port = text.substr(colon + 1);
  return {};
}

Result<Pieces> cut(std::string_view url) {
  Pieces pieces;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return fail(unreadable("there is no :// in it"));
  pieces.scheme = url.substr(0, scheme);
  if (pieces.scheme != "mysql" && pieces.scheme != "mariadb") {
    return fail(unreadable("it does not begin with mysql:// or mariadb://"));
  }
  std::string_view rest = url.substr(scheme + 3);
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    pieces.parameters = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) pieces.path = rest.substr(slash + 1);
  const std::size_t at = authority.find('@');
  if (at != std::string_view::npos) {
    pieces.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t colon = pieces.user.find(':');
    if (colon != std::string_view::npos) {
      pieces.with_password = true;
      pieces.password = pieces.user.substr(colon + 1);
      pieces.user = pieces.user.substr(0, colon);
    }
  }
  TRY(cut_host(authority, pieces));
  // A password with an unencoded mark makes a piece of it something that appears in errors.
  for (const std::string_view piece : {authority, pieces.path}) {
    if (piece.find('@') == std::string_view::npos) continue;
    return fail(unreadable("there is an @ where none can be: perhaps in a password"));
  }
  if (pieces.path.find('/') != std::string_view::npos) {
    return fail(unreadable("there is a second / after the host: perhaps in a password"));
  }
  return pieces;
}

Result<std::string> decoded(std::string_view text) {
  auto plain = base::percent_decode(text);
  if (!plain) return fail(unreadable("a % without two hex digits"));
  return plain;
}

Result<bool> flag_of(const std::string& name, const std::string& value) {
  if (value == "1" || value == "true" || value == "yes") return true;
  if (value == "0" || value == "false" || value == "no") return false;
  return fail(unreadable("the parameter " + name + " is neither 1 nor 0"));
}

Result<Tls> tls_of(std::string value) {
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (value == "preferred") return Tls::preferred;
  if (value == "disabled") return Tls::disabled;
  if (value == "required") return Tls::required;
  if (value == "verify_identity") return Tls::verify_identity;
  return fail(unreadable("ssl-mode is one of disabled, preferred, required, verify_identity"));
}

Result<void> apply(const std::string& name, const std::string& value, Location& location) {
  if (name == "schemas") {
    for (const std::string& schema : base::split(value, ',')) {
      if (!schema.empty()) location.schemas.push_back(TRY(decoded(schema)));
    }
    return {};
  }
  const std::string plain = TRY(decoded(value));
  if (name == "socket") {
    location.socket = plain;
  } else if (name == "ssl-ca") {
    location.ssl_ca = plain;
  } else if (name == "ssl-cert") {
    location.ssl_cert = plain;
  } else if (name == "ssl-key") {
    location.ssl_key = plain;
  } else if (name == "defaults-file") {
    location.defaults_file = plain;
  } else if (name == "ssl-mode") {
    location.tls = TRY(tls_of(plain));
  } else if (name == "lock_nontransactional") {
    location.lock_nontransactional = TRY(flag_of(name, plain));
  } else if (name == "suffix") {
    location.suffix = plain;
  } else if (name == "users") {
    location.with_users = TRY(flag_of(name, plain));
  } else {
    return fail(
        unreadable("there is no parameter of that name; there are schemas, socket, "
                   "ssl-mode, ssl-ca, ssl-cert, ssl-key, defaults-file, "
                   "lock_nontransactional, suffix and users"));
  }
  return {};
}

Result<void> apply_parameters(std::string_view parameters, Location& location) {
  for (const std::string& parameter : base::split(parameters, '&')) {
    if (parameter.empty()) continue;
    const std::size_t equals = parameter.find('=');
    if (equals == std::string::npos) return fail(unreadable("a parameter has no value"));
    TRY(apply(parameter.substr(0, equals), parameter.substr(equals + 1), location));
  }
  return {};
}

}  // namespace

Result<Location> parse_url(std::string_view url) {
  const Pieces pieces = TRY(cut(url));
  Location location;
  location.user = TRY(decoded(pieces.user));
  location.password = TRY(decoded(pieces.password));
  location.host = TRY(decoded(pieces.host));
  if (!pieces.port.empty()) {
    const char* end = pieces.port.data() + pieces.port.size();
    const auto read = std::from_chars(pieces.port.data(), end, location.port);
    if (read.ec != std::errc() || read.ptr != end || location.port == 0 || location.port > 65535) {
      return fail(unreadable("the port is no number: perhaps a password has a : or / in it"));
    }
  }
  if (!pieces.path.empty()) location.schemas.push_back(TRY(decoded(pieces.path)));
  TRY(apply_parameters(pieces.parameters, location));
  if (location.host.empty() && location.socket.empty()) {
    return fail(unreadable("it names neither a host nor a socket"));
  }
  std::sort(location.schemas.begin(), location.schemas.end());
  location.schemas.erase(std::unique(location.schemas.begin(), location.schemas.end()),
                         location.schemas.end());
  for (const std::string& schema : location.schemas) {
    constexpr std::array<std::string_view, 4> own = {"information_schema", "performance_schema",
                                                     "mysql", "sys"};
    if (std::find(own.begin(), own.end(), schema) == own.end()) continue;
    return fail(Error{Errc::unsupported, "the schema " + schema + " is the server's own",
                      "name the schemas of your applications"});
  }
  return location;
}

std::string shown_url(std::string_view url) {
  const auto pieces = cut(url);
  if (!pieces || !parse_url(url)) return url.starts_with("mariadb:") ? "mariadb:" : "mysql:";
  std::string shown(url.substr(0, url.find("://") + 3));
  shown += pieces->user;
  std::string_view rest = url.substr(shown.size() - pieces->user.size());
  if (pieces->with_password) {
    rest.remove_prefix(pieces->user.size() + 1 + pieces->password.size());
  } else {
    rest.remove_prefix(pieces->user.size());
  }
  if (pieces->user.empty() && rest.starts_with('@')) rest.remove_prefix(1);
  return shown.append(rest);
}

std::string scratch_url(std::string_view url, const std::string&) {
  const auto location = parse_url(url);
  // A drill of what is a drill already stages beside it.
  if (!location || !location->suffix.empty()) return std::string(url);
  const bool first = url.find('?') == std::string_view::npos;
  const bool rooted = url.find('/', url.find("://") + 3) != std::string_view::npos;
  return std::string(url) + (rooted || !first ? "" : "/") + (first ? "?" : "&") + "suffix=_drill";
}

}  // namespace stillpoint::database::mysql
