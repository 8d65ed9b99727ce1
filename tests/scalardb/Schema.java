// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.DistributedTransactionAdmin;
import com.scalar.db.exception.storage.ExecutionException;
import com.scalar.db.service.TransactionFactory;
import java.io.IOException;

/** Makes the tables, and fills them by transactions: so the log begins with nothing at all. */
final class Schema {
  private static final int AT_ONCE = 50;

  private Schema() {}

  static void make(Bank bank) throws IOException, ExecutionException {
    DistributedTransactionAdmin admin =
        TransactionFactory.create(bank.properties).getTransactionAdmin();
    try {
      admin.createCoordinatorTables(true);
      for (String namespace : bank.namespaces) {
        admin.createNamespace(namespace, true);
        for (Table table : Table.of(namespace)) {
          admin.createTable(namespace, table.name(), table.metadata(), true);
        }
      }
    } finally {
      admin.close();
    }
    for (String namespace : bank.namespaces) {
      fill(bank, Table.accounts(namespace), bank.accounts, Bank.START_BALANCE);
      fill(bank, Table.probe(namespace), Bank.PROBES, 0);
    }
  }

  private static void fill(Bank bank, Table table, int count, int value) throws IOException {
    for (int first = 0; first < count; first += AT_ONCE) {
      int from = first;
      int to = Math.min(count, first + AT_ONCE);
      Outcome outcome =
          bank.transact(
              attempt -> {
                for (int id = from; id < to; id++) {
                  attempt.insert(Item.of(table, id), value);
                }
              });
      if (outcome != Outcome.OK) {
        throw new IOException("filling " + table.name() + " ended with " + outcome.word());
      }
    }
  }
}
