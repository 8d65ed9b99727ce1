// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.exception.transaction.CrudException;
import java.io.IOException;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;

/** One thread's business. What it moves never changes the sum of balances and pending amounts. */
final class Transfers implements Business {
  private static final int AMOUNT_MAX = 100;

  private final Bank bank;
  private final Random random;
  private final BlockingQueue<Item> open; // pending amounts that are there, for whoever comes first

  Transfers(Bank bank, long seed, BlockingQueue<Item> open) {
    this.bank = bank;
    this.random = new Random(seed);
    this.open = open;
  }

  @Override
  public Outcome once() throws IOException {
    int databases = bank.namespaces.size();
    int from = random.nextInt(databases);
    int to = (from + 1 + random.nextInt(Math.max(1, databases - 1))) % databases;
    switch (random.nextInt(4)) {
      case 0:
        return move(from, from);
      case 1:
        return promise(from, to);
      case 2:
        Item item = open.poll();
        return item == null ? promise(from, to) : settle(item, to);
      default:
        return move(from, to);
    }
  }

  private Item account(int database, int id) {
    return Item.of(Table.accounts(bank.namespaces.get(database)), id % bank.accounts);
  }

  private Outcome move(int from, int to) throws IOException {
    int id = random.nextInt(bank.accounts);
    Item source = account(from, id);
    Item target = account(to, id + 1 + random.nextInt(bank.accounts - 1));
    int amount = amount();
    return bank.transact(
        attempt -> {
          add(attempt, source, -amount);
          add(attempt, target, amount);
        });
  }

  private Outcome promise(int from, int to) throws IOException {
    Item source = account(from, random.nextInt(bank.accounts));
    Item item = new Item(Table.pending(bank.namespaces.get(to)), UUID.randomUUID().toString());
    int amount = amount();
    Outcome outcome =
        bank.transact(
            attempt -> {
              add(attempt, source, -amount);
              attempt.insert(item, amount);
            });
    if (outcome == Outcome.OK) {
      open.add(item);
    }
    return outcome;
  }

  private Outcome settle(Item item, int to) throws IOException {
    Item target = account(to, random.nextInt(bank.accounts));
    Outcome outcome =
        bank.transact(
            attempt -> {
              int amount = there(attempt.read(item), item);
              attempt.delete(item);
              add(attempt, target, amount);
            });
    if (outcome == Outcome.CONFLICT || outcome == Outcome.ERROR) {
      open.add(item);
    }
    return outcome;
  }

  private int amount() {
    return 1 + random.nextInt(AMOUNT_MAX);
  }

  private static void add(Attempt attempt, Item item, int amount) throws CrudException {
    attempt.update(item, there(attempt.read(item), item) + amount);
  }

  private static int there(Optional<Integer> value, Item item) {
    return value.orElseThrow(() -> new IllegalStateException("there is no " + item));
  }
}
