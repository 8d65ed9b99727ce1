// SPDX-License-Identifier: Apache-2.0
// Figures and names as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint::base {

std::string display_bytes(std::uint64_t bytes);  // "1.5 GiB"
std::string display_duration(
    std::chrono::steady_clock::duration time);  // "1 h 02 min", "3.4 s", "120 us"
// As a limit is told to servers and processes: at least 1, since 0 would be none.
std::string milliseconds_of(std::chrono::steady_clock::duration time);
std::string display_count(std::uint64_t count);  // "1,234,567"
// A name in a message or on a terminal: control characters and broken UTF-8 become \n, \x1b …
std::string printable(std::string_view text);
// The candidate most like `word`, or empty where none is near enough to be meant.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view between);
// The length of the valid UTF-8 sequence at the front of `text`; 0 where there is none.
std::size_t utf8_length(std::string_view text);

}  // namespace stillpoint::base
