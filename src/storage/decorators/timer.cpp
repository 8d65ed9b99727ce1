// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/timer.h"

#include "base/sleep.h"

namespace stillpoint::storage {

Timer Timer::real() {
  return {&Clock::now, &base::sleep_for};
}

}  // namespace stillpoint::storage
