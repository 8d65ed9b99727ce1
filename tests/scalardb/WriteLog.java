// SPDX-License-Identifier: Apache-2.0

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * What every transaction was about to write, and how it ended. A line is in the file, in one write
 * to the operating system, before append() returns: it outlives a SIGKILL of this process.
 *
 * <pre>
 * w TX ITEM=VALUE@BEFORE ...   before its commit: VALUE may be "deleted"; BEFORE is the transaction
 *                              that had written what this one read, "-" where there was no record
 * e TX OUTCOME BEGIN END       after its commit: when that began and ended, in microseconds
 * </pre>
 */
final class WriteLog implements AutoCloseable {
  private final OutputStream file;

  WriteLog(String path) throws IOException {
    file = new FileOutputStream(path, true);
  }

  synchronized void append(String line) {
    try {
      file.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
