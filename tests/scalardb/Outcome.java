// SPDX-License-Identifier: Apache-2.0

/** How a transaction ended. Only OK is certain to be there, and only UNKNOWN may be. */
enum Outcome {
  OK,
  CONFLICT,
  UNKNOWN,
  ERROR;

  String word() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
