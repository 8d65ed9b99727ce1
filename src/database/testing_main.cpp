// SPDX-License-Identifier: Apache-2.0
// Of test programs whose databases start them once more.
#include <gtest/gtest.h>

#include "database/database.h"

int main(int argc, char** argv) {
  if (const auto code = stillpoint::database::run_as_helper(argc, argv)) return *code;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
