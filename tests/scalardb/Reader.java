// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.DistributedTransactionManager;
import com.scalar.db.api.Result;
import com.scalar.db.api.Scan;
import com.scalar.db.exception.transaction.TransactionException;
import com.scalar.db.service.TransactionFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Reads every record of a copy through ScalarDB, which recovers what is not committed. */
final class Reader {
  // ScalarDB lets a transaction without a state be for 15 s, and may find SQLite busy with recovery
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(45);
  private static final long REST = 100; // milliseconds

  private final DistributedTransactionManager manager;
  private final long deadline = System.nanoTime() + PATIENCE;
  private final List<String> lines = new ArrayList<>();
  private long total;
  private int retries;

  private Reader(DistributedTransactionManager manager) {
    this.manager = manager;
  }

  /** The file gets a line a record, ITEM=VALUE@TX, in order; the answer tells the sum. */
  static String read(String properties, String file, List<String> namespaces)
      throws IOException, TransactionException, InterruptedException {
    try (DistributedTransactionManager manager =
        TransactionFactory.create(properties).getTransactionManager()) {
      Reader reader = new Reader(manager);
      for (String namespace : namespaces) {
        for (Table table : Table.of(namespace)) {
          reader.add(table, reader.patiently(table));
        }
      }
      reader.lines.sort(null);
      Files.write(Path.of(file), reader.lines);
      return "total " + reader.total + " records " + reader.lines.size() + " retries "
          + reader.retries;
    }
  }

  private void add(Table table, List<Result> rows) {
    for (Result row : rows) {
      int value = row.getInt(table.column());
      String id = table.textId() ? row.getText("id") : Integer.toString(row.getInt("id"));
      lines.add(new Item(table, id) + "=" + value + "@" + row.getText("tx_id"));
      total += table.name().equals("probe") ? 0 : value;
    }
  }

  private List<Result> patiently(Table table) throws TransactionException, InterruptedException {
    while (true) {
      try {
        return scan(table);
      } catch (TransactionException error) {
        if (System.nanoTime() > deadline) {
          throw error;
        }
        retries++;
        Thread.sleep(REST);
      }
    }
  }

  private List<Result> scan(Table table) throws TransactionException {
    DistributedTransaction transaction = manager.begin();
    boolean done = false;
    try {
      List<Result> rows =
          transaction.scan(
              Scan.newBuilder().namespace(table.namespace()).table(table.name()).all().build());
      transaction.commit();
      done = true;
      return rows;
    } finally {
      if (!done) {
        transaction.rollback();
      }
    }
  }
}
