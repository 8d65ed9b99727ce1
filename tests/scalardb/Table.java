// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.TableMetadata;
import com.scalar.db.io.DataType;
import com.scalar.db.io.Key;
import java.util.List;

/** A table of the bank: a key called id, and one column that holds a number. */
record Table(String namespace, String name, String column, boolean textId) {
  static Table accounts(String namespace) {
    return new Table(namespace, "accounts", "balance", false);
  }

  static Table pending(String namespace) {
    return new Table(namespace, "pending", "amount", true);
  }

  static Table probe(String namespace) {
    return new Table(namespace, "probe", "n", false);
  }

  static List<Table> of(String namespace) {
    return List.of(accounts(namespace), pending(namespace), probe(namespace));
  }

  TableMetadata metadata() {
    return TableMetadata.newBuilder()
        .addColumn("id", textId ? DataType.TEXT : DataType.INT)
        .addColumn(column, DataType.INT)
        .addPartitionKey("id")
        .build();
  }

  Key key(String id) {
    return textId ? Key.ofText("id", id) : Key.ofInt("id", Integer.parseInt(id));
  }
}
