# SPDX-License-Identifier: Apache-2.0
"""What the tests of backups of ScalarDB share: a bank at work over several databases, the program's
backups of it, and what ScalarDB finds in restored ones."""

import datetime
import json
import re

import manifest_schema
import mysql
import postgres
import scalardb
import scalardb_cut
import support

GAP = "STILLPOINT_TEST_OPENING_GAP_MS"
KEEP = "STILLPOINT_TEST_KEEP"
GATE = "STILLPOINT_TEST_GATE"
# What a manifest of each branch has to tell.
EVIDENCE = {
    "one_snapshot": {"one_snapshot", "coordinator_rows"},
    "commit_gate": {"commit_gate", "coordinator_unchanged", "coordinator_rows"},
    "pause": {"pause", "coordinator_rows"},
}


def micros(text):
    """Microseconds since 1970 of an RFC 3339 time in UTC with nanoseconds."""
    whole, fraction = re.fullmatch(r"(.*)\.(\d{9})Z", text).groups()
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 1_000_000 + int(fraction) // 1000


def openings(manifest):
    """When the snapshots' openings began, in order."""
    return sorted(micros(one["restore_point"]["opened"]) for one in manifest["databases"])


def stood_still(manifest):
    """From when to when nobody could commit, by our clock; of one snapshot: when it was opened."""
    branch = manifest["plan"]["branch"]
    if branch == "commit_gate":
        last = manifest["gate"]["tries"][-1]
        asked = micros(last["asked"])
        return asked, asked + last["waited_us"] + last["held_us"]
    if branch == "pause":
        return micros(manifest["window"]["begin"]), micros(manifest["window"]["end"])
    point = manifest["databases"][0]["restore_point"]
    return micros(point["opened"]), micros(point["opened"]) + point["open_us"]


def urls_of(system):
    """Its databases, as the program names them."""
    def url(database):
        if isinstance(database, scalardb.Sqlite):
            return str(database.path)
        return database.server.url(*([database.name] if hasattr(database, "name") else []))
    return [url(database) for database in system.databases]


class Places:
    """Where restored copies of a system go, a fresh one each time. A copy in MariaDB ends the one
    before: ScalarDB's namespaces are schemas there, and cannot have other names."""

    def __init__(self, case, system):
        self.case, self.system, self.count = case, system, 0
        self.marias = {place: mysql.Server(case) for place, database in enumerate(system.databases)
                       if isinstance(database, scalardb.Maria)}

    def fresh(self):
        """What makes the copies once they are restored, and their URLs."""
        self.count += 1
        found = [self._of(place, database) for place, database in enumerate(self.system.databases)]
        return [make for make, _ in found], [url for _, url in found]

    def _of(self, place, database):
        name = f"copy_{self.count}_{place}"
        if isinstance(database, scalardb.Postgres):
            return (lambda: scalardb.Postgres(database.server, name)), database.server.url(name)
        if isinstance(database, scalardb.Sqlite):
            path = self.case.folder / f"{name}.db"
            return (lambda: scalardb.Sqlite(path)), str(path)
        server = self.marias[place]
        for schema in server.schemas():
            server.sql(f"DROP DATABASE {mysql.quoted(schema)}")
        return (lambda: scalardb.Maria(server)), server.url()


class ScalardbCase(support.Case):
    """The letters of databases: P, S, M for PostgreSQL, SQLite, MariaDB."""

    time_max = 240
    processors = 2
    layer = "scalardb"

    def make(self, kinds, coordinator="P", accounts=scalardb.ACCOUNTS, **options):
        """A bank that is ready, and the properties file that the program gets."""
        make = {"P": self.postgres, "S": self.sqlite, "M": self.mariadb}
        databases = [make[kind]() for kind in kinds]
        self.system = scalardb.System(databases, kinds.index(coordinator), **options)
        self.log = self.folder / "log"
        self.app = scalardb.Application(self).open(self.system, self.log, accounts).make()
        self.properties = self.system.write(self.folder / "bank.properties")
        self.init()

    def env(self, **more):
        """Without the caller's own ways to databases."""
        return {name: value for name, value in super().env(**more).items()
                if not name.startswith(("PG", "MYSQL")) or name in more}

    def postgres(self, **settings):
        """ScalarDB keeps many sessions open."""
        return scalardb.Postgres(postgres.Server(self, {"max_connections": "200", **settings}))

    def mariadb(self):
        return scalardb.Maria(mysql.Server(self))

    def sqlite(self):
        return scalardb.Sqlite(self.folder / "bank.db")

    def work(self, count=0):
        """At full speed, until so many more transactions have succeeded."""
        self.app.start(seed=self.random.getrandbits(32))
        self.app.run_until(count)

    def pausing(self, *apps):
        """Options that say whom to pause: if nobody is named, the bank."""
        return ("--addresses", ",".join(app.address for app in apps or (self.app,)))

    def whom(self):
        """Options that say what to back up."""
        return ("--properties", self.properties)

    def manifest(self, backup):
        """And under "id" its backup's id."""
        manifest = json.loads(self.dump(backup, "manifest.json"))
        self.assertEqual(manifest_schema.problems(manifest), [])
        self.assertEqual(manifest["layer"], self.layer)
        return {"id": backup, **manifest}

    def take(self, *arguments, gap=None, gate=None, **how):
        """A backup's id. `gap`: milliseconds between the openings; `gate`: "early" opens it before
        the last of them."""
        hooks = {GAP: gap, GATE: gate}
        env = {name: str(value) for name, value in hooks.items() if value is not None}
        return self.backup(*self.whom(), *arguments, env=env, **how)["backup"]

    def back_up(self, *arguments, **how):
        """Its manifest."""
        return self.manifest(self.take(*arguments, **how))

    def holding(self, manifest):
        """The kinds of evidence that speak for it."""
        return {one["kind"] for one in manifest["evidence"] if one["holds"]}

    def against(self, manifest):
        """The kinds and texts that do not."""
        return [(one["kind"], one["text"]) for one in manifest["evidence"] if not one["holds"]]

    def assert_told(self, manifest, branch, verdicts=("proven",)):
        told = {"branch": manifest["plan"]["branch"], "verdict": manifest["verdict"],
                "against": self.against(manifest)}
        self.assertEqual(told["branch"], branch, told)
        self.assertIn(told["verdict"], verdicts, told)
        self.assertLessEqual(EVIDENCE[branch], self.holding(manifest), manifest["evidence"])
        if told["verdict"] == "proven":
            self.assertEqual(told["against"], [])

    def restored(self, backup, places):
        """The system of restored copies in fresh places."""
        make, urls = places.fresh()
        names = (["database"] if len(urls) == 1
                 else [f"storage_{place}" for place in range(len(urls))])
        to = [word for name, url in zip(names, urls) for word in ("--to", f"{name}={url}")]
        self.stillpoint("restore", backup, *to, "--yes")
        return places.system.of([copy() for copy in make])

    def read(self, backup, places):
        """What ScalarDB finds in a restored copy."""
        return self.app.read(self.restored(backup, places))

    def assert_exact(self, manifest, copy, log):
        asked, let_go = stood_still(manifest)
        found = copy.problems(log, acknowledged_until=asked, begun_after=let_go)
        self.assertEqual(found, [], f"{len(found)} problems; {copy.answer}; errors:\n"
                         f"{self.app.errors()[-4000:]}")

    def written(self):
        """The log, when nobody works any more."""
        return scalardb_cut.Log(self.log)
