// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;

/** What a thread of the workload does again and again. */
interface Business {
  /** One transaction. */
  Outcome once() throws IOException;
}
