// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.Result;
import com.scalar.db.exception.transaction.CommitConflictException;
import com.scalar.db.exception.transaction.CommitException;
import com.scalar.db.exception.transaction.CrudException;
import com.scalar.db.exception.transaction.RollbackException;
import com.scalar.db.exception.transaction.UnknownTransactionStatusException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.LoggerFactory;

/** One transaction, which logs all that it is going to write before it commits. */
final class Attempt {
  private static final String NOBODY = "-";

  private final DistributedTransaction transaction;
  private final WriteLog log;
  private final Map<Item, String> writers = new HashMap<>();
  private final StringBuilder writes = new StringBuilder();

  Attempt(DistributedTransaction transaction, WriteLog log) {
    this.transaction = transaction;
    this.log = log;
  }

  /** The record's number, if there is one. */
  Optional<Integer> read(Item item) throws CrudException {
    Optional<Result> found = transaction.get(item.get());
    writers.put(item, found.map(result -> result.getText("tx_id")).orElse(NOBODY));
    return found.map(result -> result.getInt(item.table().column()));
  }

  /** Of an item that has never been there. */
  void insert(Item item, int value) throws CrudException {
    transaction.insert(item.insert(value));
    note(item, Integer.toString(value), NOBODY);
  }

  /** Of an item that was read. */
  void update(Item item, int value) throws CrudException {
    transaction.update(item.update(value));
    note(item, Integer.toString(value), writers.get(item));
  }

  /** Of an item that was read. */
  void delete(Item item) throws CrudException {
    transaction.delete(item.delete());
    note(item, "deleted", writers.get(item));
  }

  private void note(Item item, String value, String before) {
    writes.append(' ').append(item).append('=').append(value).append('@').append(before);
  }

  Outcome commit() {
    log.append("w " + transaction.getId() + writes);
    long begin = now();
    Outcome outcome = tryCommit();
    log.append("e " + transaction.getId() + " " + outcome.word() + " " + begin + " " + now());
    return outcome;
  }

  private Outcome tryCommit() {
    try {
      transaction.commit();
      return Outcome.OK;
    } catch (CommitConflictException error) {
      return Outcome.CONFLICT;
    } catch (CommitException error) {
      LoggerFactory.getLogger(Attempt.class).error("commit", error);
      return Outcome.ERROR;
    } catch (UnknownTransactionStatusException | RuntimeException error) {
      LoggerFactory.getLogger(Attempt.class).error("commit", error);
      return Outcome.UNKNOWN;
    }
  }

  /** Instead of commit(). */
  void rollback() {
    try {
      transaction.rollback();
    } catch (RollbackException error) {
      LoggerFactory.getLogger(Attempt.class).error("rollback", error);
    }
  }

  private static long now() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }
}
