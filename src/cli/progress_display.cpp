// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_display.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

constexpr std::chrono::seconds plain_interval{10};

double seconds_of(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

std::size_t terminal_columns() {
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string describe_progress(const job::Status& status) {
  std::string text = base::printable(status.phase.empty() ? status.kind : status.phase);
  if (status.bytes_done == 0) return text;
  // The total is an estimate: a database that grows must not show 103 %.
  const std::uint64_t total = std::max(status.bytes_total, status.bytes_done);
  const double rate =
      static_cast<double>(status.bytes_done) / std::max(seconds_of(status.elapsed), 1e-3);
  text += fmt::format("  {} %  {} of {}  {}/s", status.bytes_done * 100 / total,
                      base::display_bytes(status.bytes_done), base::display_bytes(total),
                      base::display_bytes(static_cast<std::uint64_t>(rate)));
  if (total > status.bytes_done) {
    const auto left = std::chrono::duration<double>(static_cast<double>(total - status.bytes_done) /
                                                    std::max(rate, 1.0));
    text += "  " +
            base::display_duration(
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(left)) +
            " left";
  }
  return text;
}

ProgressDisplay::ProgressDisplay(bool text, bool json)
    : text_(text), json_(json), terminal_(::isatty(STDERR_FILENO) != 0) {
  if (text_ && terminal_) base::set_log_hook([this] { erase(); }, [this] { draw(); });
}

ProgressDisplay::~ProgressDisplay() {
  base::set_log_hook(nullptr, nullptr);
  erase();
}

void ProgressDisplay::erase() {
  if (text_ && terminal_ && !line_.empty()) std::fputs("\r\x1b[K", stderr);
}

void ProgressDisplay::draw() {
  if (text_ && terminal_ && !line_.empty()) std::fprintf(stderr, "\r\x1b[K%s", line_.c_str());
}

void ProgressDisplay::update(const job::Status& status) {
  if (json_) {
    print_json({{"type", "progress"},
                {"phase", status.phase},
                {"bytes_done", status.bytes_done},
                {"bytes_total", std::max(status.bytes_total, status.bytes_done)},
                {"seconds", seconds_of(status.elapsed)}});
  } else if (text_ && terminal_) {
    line_ = describe_progress(status).substr(0, terminal_columns() - 1);
    draw();
  } else if (text_ && std::chrono::steady_clock::now() - last_plain_ > plain_interval) {
    last_plain_ = std::chrono::steady_clock::now();
    std::fprintf(stderr, "%s\n", describe_progress(status).c_str());
  }
}

void ProgressDisplay::finish(const job::Status& status) {
  if (json_) update(status);
  erase();
  line_.clear();
}

}  // namespace stillpoint::cli
