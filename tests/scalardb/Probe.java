// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;

/**
 * Writes a counter into one database after the other, a transaction each, and goes on only when
 * that is committed. So in no instant a later database is ahead of an earlier one.
 */
final class Probe implements Business {
  private final Bank bank;
  private final int id; // 0: in the order of the databases; 1: in the reverse order
  private int database; // how many of this round are done
  private Integer counter; // null: to be read from the first database

  Probe(Bank bank, int id) {
    this.bank = bank;
    this.id = id;
  }

  @Override
  public Outcome once() throws IOException {
    int count = bank.namespaces.size();
    int place = id == 0 ? database : count - 1 - database;
    Item item = Item.of(Table.probe(bank.namespaces.get(place)), id);
    int[] written = new int[1];
    Outcome outcome =
        bank.transact(
            attempt -> {
              int found = attempt.read(item).orElse(0);
              written[0] = counter == null ? found + 1 : counter;
              attempt.update(item, written[0]);
            });
    if (outcome == Outcome.OK) {
      database = (database + 1) % count;
      counter = database == 0 ? null : Integer.valueOf(written[0]);
    } else if (outcome == Outcome.UNKNOWN) {
      counter = written[0];
    }
    return outcome;
  }
}
