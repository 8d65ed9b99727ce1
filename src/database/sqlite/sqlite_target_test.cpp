// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_target.h"

#include <gtest/gtest.h>
