// SPDX-License-Identifier: Apache-2.0
// For tests that must not pass by luck: openings that take longer than they need, a commit gate
// that opens too early, and less patience with a storage. Programs that are built without tests
// have none of it.
#pragma once

#include "base/clock.h"
#include "base/limits.h"

namespace stillpoint::backup {

struct TestHooks {
  base::Duration opening_gap = {};  // between openings, which happen one after another then
  bool gate_opens_early = false;    // before the last opening
  bool keep_torn = false;           // what is known to be no cut: only --allow-unproven is asked
  base::Duration storage_answer = limits::storage_answer;
};

// From STILLPOINT_TEST_OPENING_GAP_MS, STILLPOINT_TEST_GATE=early, STILLPOINT_TEST_KEEP=torn and
// STILLPOINT_TEST_STORAGE_ANSWER_MS.
TestHooks test_hooks();

}  // namespace stillpoint::backup
