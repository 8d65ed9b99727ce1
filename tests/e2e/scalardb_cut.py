# SPDX-License-Identifier: Apache-2.0
"""Whether a copy of a bank on ScalarDB (tests/scalardb) is an exact cut.

What is exact here: a transaction is in the cut if the captured coordinator says COMMITTED, and a
record has the value that the last of its writers in the cut gave it. The order of the writers is no
matter of clocks or of lines in the log: each line tells which transaction had written the version
that it replaces (ScalarDB commits only if that is still so), thus the committed writers of a record
form one chain. It begins with nothing, since the accounts too are made by logged transactions, and
no key that was deleted comes again. A chain that is broken (a writer in the cut has replaced one
that is not) is itself a proof against the cut. The record read has to carry the transaction of the
chain's end and its value; both are looked at, since balances may agree by chance.
"""


class Log:
    """What tests/scalardb/WriteLog.java describes. Transactions that never came to their commit are
    not in it; one whose end is missing was cut off, and may be committed or not."""

    def __init__(self, path):
        self.writes = {}  # transaction: [(item, value or None for deleted, writer before or None)]
        self.ends = {}  # transaction: (outcome, begin, end), microseconds since 1970
        with open(path, encoding="utf-8") as file:
            for line in file:
                # the last line of a process that was killed: its commit had not begun
                if line.endswith("\n"):
                    self._add(line.split())

    def _add(self, words):
        kind, transaction = words[:2]
        if kind == "w":
            self.writes[transaction] = [self._write(word) for word in words[2:]]
        else:
            self.ends[transaction] = (words[2], int(words[3]), int(words[4]))

    @staticmethod
    def _write(word):
        item, effect = word.split("=")
        value, before = effect.split("@")
        return item, None if value == "deleted" else int(value), None if before == "-" else before

    def count(self, outcome="ok"):
        return sum(1 for end in self.ends.values() if end[0] == outcome)

    def longest_commit(self, begin, end):
        """In microseconds, of those that overlap the interval."""
        return max((to - since for _, since, to in self.ends.values()
                    if since <= end and to >= begin), default=0)

    def commits_within(self, begin, end):
        """How many began and ended well inside the interval: none, if it was a pause."""
        return sum(1 for outcome, since, to in self.ends.values()
                   if outcome == "ok" and begin <= since and to <= end)


def committed(rows):
    """The transactions that captured coordinator rows (tx_id, tx_child_ids, tx_state) say are
    COMMITTED. With group commit a row may stand for many: parent, and the ids of its children; who
    was late has a row of his own under his full id."""
    found = set()
    for transaction, children, state in rows:
        if int(state) == 3:
            found |= {f"{transaction}${child}" for child in children.split(",") if child} or {
                transaction}
    return found


def exact_cut(log, cut, records, acknowledged_until=None, begun_after=None):
    """What contradicts that the records {item: (value, transaction)} are the effects of exactly the
    transactions in `cut`. Who knew of its commit before `acknowledged_until` has to be in the cut;
    who began it after `begun_after` must not be (both in microseconds)."""
    problems = [f"{one}: committed, but never logged" for one in cut - log.writes.keys()]
    for transaction, (outcome, begin, end) in log.ends.items():
        if outcome == "ok" and end < (acknowledged_until or 0) and transaction not in cut:
            problems.append(f"{transaction}: acknowledged before the cut, but not in it")
        if begun_after is not None and begin > begun_after and transaction in cut:
            problems.append(f"{transaction}: begun after the cut, but in it")
    expected = {}
    for item, successors in _successors(log, cut, problems).items():
        last = _follow(item, successors, problems)
        if last is not None:
            expected[item] = last
    for item in sorted(expected.keys() | records.keys()):
        if expected.get(item) != records.get(item):
            problems.append(f"{item}: {_say(records, item)} instead of {_say(expected, item)}")
    return problems


def _successors(log, cut, problems):
    """{item: {writer before: (value, writer)}} of the writers in the cut."""
    found = {}
    for transaction in cut & log.writes.keys():
        for item, value, before in log.writes[transaction]:
            other = found.setdefault(item, {}).setdefault(before, (value, transaction))
            if other[1] != transaction:
                problems.append(f"{item}: {other[1]} and {transaction} have replaced the same")
    return found


def _follow(item, successors, problems):
    """The end of the chain; None where the record is deleted."""
    value, writer = None, None
    left = dict(successors)
    while writer in left:
        value, writer = left.pop(writer)
        if value is None:
            break
    for before, (_, one) in left.items():
        problems.append(f"{item}: {one} has replaced {before}, which is not in the cut")
    return None if value is None else (value, writer)


def _say(records, item):
    return "{} of {}".format(*records[item]) if item in records else "nothing"


def later_ahead(records, namespaces, probes=2):
    """The probes' counters are written in the order of the databases, or (odd probes) against it: a
    later one that is ahead has an effect without its cause."""
    problems = []
    for probe in range(probes):
        order = namespaces if probe % 2 == 0 else namespaces[::-1]
        counters = [records.get(f"{name}.probe.{probe}", (-1,))[0] for name in order]
        if counters != sorted(counters, reverse=True):
            problems.append(f"probe {probe}: {counters} in the order {order}")
    return problems
