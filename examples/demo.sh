#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows Stillpoint at work: a bank in SQLite under load, a naive copy that is wrong, a backup that
# is right, the loss of the database and its restoration. Called by `./dev demo`, which sets
# STILLPOINT to the program. Works in a folder of its own and removes it. Needs sqlite3; where there
# is restic, it shows that restic reads the same repository.
set -euo pipefail

readonly accounts=100000 start_balance=1000 writers=4 copies_max=10
program=$(realpath "${STILLPOINT:?set it to the path of the stillpoint program, or run ./dev demo}")
readonly program
work=""
pids=()
started=$SECONDS

heading() { printf '\n== %s\n\n' "$*"; }
say() { printf '%s\n' "$*" | fold -s -w 96 | sed 's/ *$//'; }
wrong() {
  printf '\nWRONG: %s\n' "$*" >&2
  exit 1
}

# run WORD...: prints the command and runs it; `stillpoint` stands for the program.
run() {
  printf '$ %s\n' "$*"
  "$@"
}
stillpoint() { "$program" "$@"; }
sql() { sqlite3 -batch -bail -cmd '.timeout 30000' "$@"; }

# The file `stop` ends the writers' awk, and with it sqlite3; the signal is for one that waits.
clean_up() {
  local code=$? pid
  [[ $code -eq 0 ]] || printf '\nThe demo ended early, with exit code %d.\n' "$code" >&2
  touch "$work/stop"
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  cd /
  rm -rf "$work"
}

# Accounts lie at the front of the file, transfers grow at its end, and old letters in between make
# it large enough that copying takes a moment.
make_bank() {
  sql bank.db >/dev/null <<SQL
PRAGMA journal_mode = WAL;
CREATE TABLE accounts(id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER NOT NULL);
CREATE TABLE letters(id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE transfers(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,
                       amount INTEGER NOT NULL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $accounts)
  INSERT INTO accounts SELECT i, 'owner ' || i, $start_balance FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
  INSERT INTO letters SELECT i, hex(randomblob(1000)) FROM n;
COMMIT;
SQL
}

# Transfers without end, one transaction each, until the file `stop` appears.
transfers() {
  awk -v seed="$1" -v accounts=$accounts 'BEGIN {
    srand(seed)
    print "PRAGMA synchronous = NORMAL;"
    while ((getline line < "stop") < 0) {
      from = int(rand() * accounts) + 1
      to = from % accounts + 1
      amount = int(rand() * 100) + 1
      printf "BEGIN IMMEDIATE;"
      printf "UPDATE accounts SET balance = balance - %d WHERE id = %d;", amount, from
      printf "INSERT INTO transfers(source, target, amount) VALUES(%d, %d, %d);", from, to, amount
      printf "UPDATE accounts SET balance = balance + %d WHERE id = %d;", amount, to
      print "COMMIT;"
    }
  }'
}

start_writers() {
  local i
  for ((i = 1; i <= writers; ++i)); do
    # No function: $! must be sqlite3 itself, not a shell around it.
    transfers "$i" | sqlite3 -batch -bail -cmd '.timeout 30000' bank.db >"writer-$i.log" 2>&1 &
    pids+=($!)
  done
}

stop_writers() {
  local pid i=0
  touch stop
  for pid in "${pids[@]}"; do
    i=$((i + 1))
    wait "$pid" || wrong "writer $i failed: $(cat "writer-$i.log")"
  done
  pids=()
}

count_transfers() { sql "${1:-bank.db}" 'SELECT count(*) FROM transfers'; }

# What is wrong with a bank; nothing where all is well. Every account must have what its transfers
# say, and all together what they began with.
problems() {
  sql "$1" "
    SELECT * FROM (SELECT 'integrity_check: ' || integrity_check AS found
      FROM pragma_integrity_check(1)) WHERE found <> 'integrity_check: ok';
    SELECT count(*) || ' accounts differ from their transfers' FROM accounts a
      LEFT JOIN (SELECT source, sum(amount) s FROM transfers GROUP BY source) o ON o.source = a.id
      LEFT JOIN (SELECT target, sum(amount) s FROM transfers GROUP BY target) i ON i.target = a.id
      WHERE a.balance <> $start_balance - ifnull(o.s, 0) + ifnull(i.s, 0) HAVING count(*) > 0;
    SELECT 'the balances sum up to ' || sum(balance) || ', not ' || $accounts * $start_balance
      FROM accounts HAVING sum(balance) <> $accounts * $start_balance;" 2>&1 || true
}

show_books() {
  local found
  found=$(problems "$1")
  [[ -z $found ]] || wrong "$1: $found"
  say "$1: integrity_check ok; $accounts balances sum up to $((accounts * start_balance))" \
    "and agree with $(count_transfers "$1") transfers, account by account."
}

show_load() {
  heading "1. A bank under load"
  make_bank
  start_writers
  local before after
  before=$(count_transfers)
  sleep 2
  after=$(count_transfers)
  [[ $after -gt $before ]] || wrong "the writers do not write: $(cat writer-*.log)"
  say "$accounts accounts in bank.db ($(du -h bank.db | cut -f1)); $writers processes move money" \
    "between them, $(((after - before) / 2)) transactions a second."
}

# Without a reflink, which would copy the file in one instant on some file systems.
show_copy() {
  heading "2. What cp makes of it"
  local i found
  for ((i = 1; i <= copies_max; ++i)); do
    rm -f copy.db copy.db-wal copy.db-shm
    cp --reflink=never bank.db copy.db
    found=$(problems copy.db)
    if [[ -n $found ]]; then
      printf '$ cp bank.db copy.db          (copy number %d)\n%s\n' "$i" "$found"
      rm -f copy.db*
      return 0
    fi
    printf '$ cp bank.db copy.db          (copy number %d: happened to be consistent)\n' "$i"
  done
  say "All $copies_max copies happened to be consistent this time. Nothing promises it of the next."
}

show_backup() {
  heading "3. A backup, while they write"
  printf '$ cat stillpoint.yaml\n'
  cat stillpoint.yaml
  run stillpoint init
  local before after
  before=$(count_transfers)
  run stillpoint backup bank.db --label first
  after=$(count_transfers)
  say "Meanwhile $((after - before)) more transfers were committed. They are not in the backup:" \
    "it is of the instant at which its snapshot was opened."
  sleep 1
  printf '\nA second later again; only the blocks of the file that changed are stored:\n\n'
  run stillpoint backup bank.db
}

show_repository() {
  heading "4. What the repository holds, and whether it is sound"
  run stillpoint list
  run stillpoint check --read-data
}

show_refusal() {
  heading "5. A restore refuses to replace a database that is in use"
  local code=0
  run stillpoint restore latest --yes || code=$?
  [[ $code -eq 1 ]] || wrong "the restore should have ended with 1, not with $code"
  say "(exit code $code; nothing was changed)"
  stop_writers
  printf '\n'
  say "The writers are stopped now. They made $(count_transfers) transfers, and none of them" \
    "met an error."
}

show_loss() {
  heading "6. The database is lost"
  run dd if=/dev/urandom of=bank.db bs=1M count=8 conv=notrunc status=none
  printf '$ sqlite3 bank.db "SELECT sum(balance) FROM accounts"\n'
  if sqlite3 -batch bank.db "SELECT sum(balance) FROM accounts" 2>&1; then
    wrong "the database should be destroyed"
  fi
}

show_restore() {
  heading "7. The restore: staged beside it, checked, then switched"
  run stillpoint restore latest --yes
  show_books bank.db
}

show_drill() {
  heading "8. The drill: the same into a scratch folder, for every day"
  run stillpoint verify first
}

show_restic() {
  heading "9. Without Stillpoint: with restic and sqlite3 alone"
  if ! command -v restic >/dev/null; then
    say "(restic is not installed; with it: restic -r repo restore latest --target by-hand)"
    return 0
  fi
  run restic -r repo --password-file password --no-cache restore latest --target by-hand
  show_books by-hand/bank/data/bank.db
}

main() {
  command -v sqlite3 >/dev/null || wrong "sqlite3 is not installed"
  work=$(mktemp -d "${TMPDIR:-/tmp}/stillpoint-demo-XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  cd "$work"
  # Nothing of the caller's settings.
  unset "${!STILLPOINT_@}" "${!RESTIC_@}"
  echo "the password of the demo" >password
  cat >stillpoint.yaml <<'YAML'
repository: {url: repo, password_file: password}
state_dir: state
YAML
  show_load
  show_copy
  show_backup
  show_repository
  show_refusal
  show_loss
  show_restore
  show_drill
  show_restic
  printf '\nDone in %d s; everything was as it should be.\n' "$((SECONDS - started))"
}

main "$@"
