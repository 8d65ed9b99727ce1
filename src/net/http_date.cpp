// SPDX-License-Identifier: Apache-2.0
#include "net/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <curl/curl.h>

#include "base/text.h"

namespace stillpoint::net {
namespace {

constexpr std::size_t date_bytes_max = 64;
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool number_in(std::string_view digits, unsigned& number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size();
}

// curl's global state, once for the program.
bool curl_is_ready() {
  static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

}  // namespace

Result<base::Time> parse_http_date(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  unsigned day = 0, year = 0, hour = 0, minute = 0, second = 0;
  const bool shaped = text.size() == 29 && text[3] == ',' && text[7] == ' ' && text[11] == ' ' &&
                      text[16] == ' ' && text[19] == ':' && text[22] == ':' &&
                      text.substr(25) == " GMT";
  const auto month = std::find(months.begin(), months.end(), shaped ? text.substr(8, 3) : "");
  const bool whole = shaped && month != months.end() && number_in(text.substr(5, 2), day) &&
                     number_in(text.substr(12, 4), year) && number_in(text.substr(17, 2), hour) &&
                     number_in(text.substr(20, 2), minute) && number_in(text.substr(23, 2), second);
  const std::chrono::year_month_day date(
      std::chrono::year(static_cast<int>(year)),
      std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1), std::chrono::day(day));
  if (!whole || !date.ok() || year < 1970 || year > 2200 || hour > 23 || minute > 59 ||
      second > 60) {
    return fail(Errc::corrupt, "'{}' is no HTTP date", base::printable(text.substr(0, 40)));
  }
  return base::Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

struct HttpClock::State {
  std::string shown = {};  // the URL without its query
  CURL* handle = nullptr;
  std::string date = {};
  std::stop_token stop = {};
  std::array<char, CURL_ERROR_SIZE> error = {};

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::curl_easy_cleanup(handle); }

  static std::size_t header(char* bytes, std::size_t size, std::size_t count, void* self) {
    std::string_view line(bytes, size * count);
    constexpr std::string_view name = "date:";
    const bool is_date = line.size() > name.size() && line.size() <= date_bytes_max &&
                         std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
                           return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
                         });
    if (is_date) {
      line.remove_prefix(name.size());
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      static_cast<State*>(self)->date = line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
    }
    return size * count;
  }
  static int progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<State*>(self)->stop.stop_requested() ? 1 : 0;
  }
};

HttpClock::HttpClock(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClock::HttpClock(HttpClock&&) noexcept = default;
HttpClock::~HttpClock() = default;

Result<HttpClock> HttpClock::open(const std::string& url, const std::string& ca_file) {
  const bool http = url.starts_with("https://") || url.starts_with("http://");
  const std::size_t host = url.find("//") + 2;
  if (!http || url.substr(host, url.find('/', host) - host).find('@') != std::string::npos) {
    return fail(Error{Errc::invalid, "a clock is asked by an http:// or https:// URL",
                      "without a user or a password: https://dynamodb.eu-west-1.amazonaws.com"});
  }
  auto state = std::make_unique<State>();
  state->shown = url.substr(0, url.find_first_of("?#"));
  state->handle = curl_is_ready() ? ::curl_easy_init() : nullptr;
  CURL* const handle = state->handle;
  if (handle == nullptr) return fail(Errc::internal, "curl does not start");
  ::curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(handle, CURLOPT_USERAGENT, "stillpoint");
  ::curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy has its own clock
  ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, State::header);
  ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, state.get());
  ::curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  ::curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, State::progress);
  ::curl_easy_setopt(handle, CURLOPT_XFERINFODATA, state.get());
  ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, state->error.data());
  if (!ca_file.empty()) ::curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file.c_str());
  return HttpClock(std::move(state));
}

Result<base::Time> HttpClock::ask(const base::Deadline& deadline, std::stop_token stop) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
  if (left <= 0) return fail(Errc::unavailable, "no time left");
  state_->date.clear();
  state_->error[0] = '\0';
  state_->stop = std::move(stop);
  ::curl_easy_setopt(state_->handle, CURLOPT_TIMEOUT_MS, static_cast<long>(left));
  const CURLcode code = ::curl_easy_perform(state_->handle);
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::cancelled, "interrupted");
  if (code != CURLE_OK) {
    const char* why = state_->error[0] != '\0' ? state_->error.data() : ::curl_easy_strerror(code);
    return fail(Error{Errc::unavailable, fmt::format("ask {} for its time: {}", state_->shown, why),
                      "check the URL and the network"});
  }
  if (state_->date.empty()) {
    return fail(Errc::unsupported, "{} does not tell the time: no Date in its answer",
                state_->shown);
  }
  return parse_http_date(state_->date);
}

}  // namespace stillpoint::net
