// SPDX-License-Identifier: Apache-2.0
// Of test programs whose databases start them once more.
#include <gtest/gtest.h>

#include "base/helper.h"
#include "database/database.h"

int main(int argc, char** argv) {
  if (const auto role = stillpoint::base::helper_role(argc, argv)) {
    return stillpoint::database::run_as_helper(*role).value_or(1);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
