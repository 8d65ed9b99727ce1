// SPDX-License-Identifier: Apache-2.0
// For tests that must not pass by luck: openings that take longer than they need, and a commit gate
// that opens too early. Programs that are built without tests have none of it.
#pragma once

#include "base/clock.h"

namespace stillpoint::backup {

struct TestHooks {
  base::Duration opening_gap = {};  // between openings, which happen one after another then
  bool gate_opens_early = false;    // before the last opening
  bool keep_torn = false;           // what is known to be no cut: only --allow-unproven is asked
};

// From STILLPOINT_TEST_OPENING_GAP_MS, STILLPOINT_TEST_GATE=early and STILLPOINT_TEST_KEEP=torn.
TestHooks test_hooks();

}  // namespace stillpoint::backup
