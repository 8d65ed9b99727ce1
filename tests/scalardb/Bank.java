// SPDX-License-Identifier: Apache-2.0

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.DistributedTransactionManager;
import com.scalar.db.exception.transaction.CrudConflictException;
import com.scalar.db.exception.transaction.CrudException;
import com.scalar.db.exception.transaction.TransactionException;
import com.scalar.db.service.TransactionFactory;
import java.io.IOException;
import java.util.List;
import org.slf4j.LoggerFactory;

/** The bank as an application sees it: its databases by their namespaces, and transactions. */
final class Bank implements AutoCloseable {
  static final int START_BALANCE = 1000;
  static final int PROBES = 2;

  /** What a transaction does before its commit. */
  interface Body {
    void run(Attempt attempt) throws CrudException;
  }

  final String properties;
  final List<String> namespaces;
  final int accounts;
  private final WriteLog log;
  private DistributedTransactionManager manager;

  Bank(String properties, String log, List<String> namespaces, int accounts) throws IOException {
    this.properties = properties;
    this.namespaces = namespaces;
    this.accounts = accounts;
    this.log = new WriteLog(log);
  }

  /** The manager looks for the coordinator's table when it is made, so the schema goes first. */
  synchronized DistributedTransactionManager manager() throws IOException {
    if (manager == null) {
      manager = TransactionFactory.create(properties).getTransactionManager();
    }
    return manager;
  }

  /** Begins, runs the body and commits, once. */
  Outcome transact(Body body) throws IOException {
    DistributedTransaction transaction;
    try {
      transaction = manager().begin();
    } catch (TransactionException error) {
      LoggerFactory.getLogger(Bank.class).error("begin", error);
      return Outcome.ERROR;
    }
    Attempt attempt = new Attempt(transaction, log);
    try {
      body.run(attempt);
    } catch (CrudConflictException error) {
      attempt.rollback();
      return Outcome.CONFLICT;
    } catch (CrudException | RuntimeException error) {
      LoggerFactory.getLogger(Bank.class).error("before the commit", error);
      attempt.rollback();
      return Outcome.ERROR;
    }
    return attempt.commit();
  }

  @Override
  public synchronized void close() throws IOException {
    if (manager != null) {
      manager.close();
    }
    log.close();
  }
}
