// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

namespace stillpoint::base {

// Another program, run without a shell.
struct Program {
  std::vector<std::string> arguments = {};  // [0] is found by PATH; everybody can see them in ps
  std::vector<std::pair<std::string, std::string>> environment = {};  // besides ours
  std::vector<int> descriptors = {};  // of ours that it inherits, under the same numbers
};

// Runs it to its end and hands on what it prints on stdout, as it comes; its stdin is empty.
// Returns what it said on stderr (the last 16 KiB). Fails when it exits with another code than 0,
// with what it said; `cancelled` on a stop request; and with what `output` fails with. It is killed
// then, and also when this process dies.
using OutputSink = std::function<Result<void>(ByteView)>;
Result<std::string> run_program(const Program& program, const OutputSink& output,
                                std::stop_token stop);

// A file in memory without a name, that programs which inherit its descriptor can open as
// memory_file_path(). Only we may read it. It goes with its last descriptor.
Result<File> make_memory_file(std::string_view content);
std::string memory_file_path(const File& file);

}  // namespace stillpoint::base
