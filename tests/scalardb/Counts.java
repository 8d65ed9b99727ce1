// SPDX-License-Identifier: Apache-2.0

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Collectors;

/** How many transactions ended how. */
final class Counts {
  private final AtomicLongArray counts = new AtomicLongArray(Outcome.values().length);

  void add(Outcome outcome) {
    counts.incrementAndGet(outcome.ordinal());
  }

  @Override
  public String toString() {
    return Arrays.stream(Outcome.values())
        .map(outcome -> outcome.word() + " " + counts.get(outcome.ordinal()))
        .collect(Collectors.joining(" "));
  }
}
