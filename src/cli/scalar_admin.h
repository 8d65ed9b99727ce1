// SPDX-License-Identifier: Apache-2.0
// Under the name scalar-admin the program is the Java tool of that name: its options, its lines,
// its exit codes (0, 1, and 2 for wrong usage). So the manuals and scripts that know it go on
// working.
#pragma once

namespace stillpoint::cli {

bool is_scalar_admin(char** argv);
int run_scalar_admin(int argc, char** argv);

}  // namespace stillpoint::cli
