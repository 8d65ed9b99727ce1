// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.Delete;
import com.scalar.db.api.Get;
import com.scalar.db.api.Insert;
import com.scalar.db.api.Update;

/** One record's place, and what can be done with it. */
record Item(Table table, String id) {
  static Item of(Table table, int id) {
    return new Item(table, Integer.toString(id));
  }

  Get get() {
    return Get.newBuilder()
        .namespace(table.namespace())
        .table(table.name())
        .partitionKey(table.key(id))
        .build();
  }

  Insert insert(int value) {
    return Insert.newBuilder()
        .namespace(table.namespace())
        .table(table.name())
        .partitionKey(table.key(id))
        .intValue(table.column(), value)
        .build();
  }

  Update update(int value) {
    return Update.newBuilder()
        .namespace(table.namespace())
        .table(table.name())
        .partitionKey(table.key(id))
        .intValue(table.column(), value)
        .build();
  }

  Delete delete() {
    return Delete.newBuilder()
        .namespace(table.namespace())
        .table(table.name())
        .partitionKey(table.key(id))
        .build();
  }

  /** As the log and the files of records name it. */
  @Override
  public String toString() {
    return table.namespace() + "." + table.name() + "." + id;
  }
}
