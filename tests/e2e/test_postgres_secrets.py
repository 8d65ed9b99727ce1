# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's password comes in by several ways and goes out by none; TLS as the URL asks."""

import os
import pathlib
import subprocess
import time
import urllib.parse

import postgres
import postgres_case
import support

# Of this process alone: other tests on this machine have passwords too, and other promises.
SECRET = f"hunter2 is/no:pass@word%41{os.getpid()}"
QUOTED = urllib.parse.quote(SECRET, safe="")
SEEN = (SECRET.encode(), QUOTED.encode(), SECRET.encode().hex().encode())
SETUP = """
CREATE TABLE t AS SELECT g AS id, repeat(md5(g::text), 30) AS v FROM generate_series(1, 20000) g;
SELECT lo_from_bytea(6000, 'large');
"""


def processes():
    """Command lines and environments of every process of the machine but this one."""
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            for kind in ("cmdline", "environ"):
                try:
                    yield kind, (process / kind).read_bytes()
                except OSError:
                    continue  # it has ended


class Passwords(postgres_case.PostgresCase):
    time_max = 240
    hba = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    settings = {"password_encryption": "scram-sha-256", "log_statement": "'all'"}

    def setUp(self):
        super().setUp()
        self.server.psql(f"CREATE ROLE saver LOGIN SUPERUSER PASSWORD '{SECRET}'")
        self.server.create("bank", SETUP)
        # what the test itself said there does not count
        self.server.log.write_text("")
        self.file = self.folder / "password"
        self.file.write_text(SECRET + "\n")
        self.config = self.folder / "stillpoint.yaml"
        self.bare = self.url("bank", user="saver")
        self.init()

    def configured(self, url=None, **words):
        lines = [f"url: '{url or self.bare}'"] + [f"{k}: '{v}'" for k, v in words.items()]
        self.config.write_text("systems: {bank: {databases: {bank: {"
                               + ", ".join(lines) + "}}}}\n")

    def ways(self):
        """A name, and environment, of each way in which the password is given."""
        self.configured(self.url("bank", user="saver", password=SECRET))
        yield "url", {}
        self.configured(f"{self.bare}?password={QUOTED}")
        yield "parameter of the url", {}
        self.configured(password_file=self.file)
        yield "file", {}
        self.configured(password_command=f"cat {self.file}")
        yield "command", {}
        self.configured()
        yield "environment", {"PGPASSWORD": SECRET}
        passfile = self.folder / "pgpass"
        words = SECRET.replace("\\", "\\\\").replace(":", "\\:")
        passfile.write_text(f"127.0.0.1:{self.server.port}:*:saver:{words}\n")
        passfile.chmod(0o600)
        yield "pgpass", {"PGPASSFILE": passfile}
        service = self.folder / "services"
        service.write_text(f"[till]\nhost=127.0.0.1\nport={self.server.port}\nuser=saver\n"
                           f"dbname=bank\npassword={SECRET}\n")
        self.configured("postgresql:///?service=till")
        yield "service", {"PGSERVICEFILE": service}

    def test_every_way_opens_and_none_tells(self):
        for name, env in self.ways():
            with self.subTest(name):
                backup = ["backup", "bank", "--config", self.config, "--limit-rate", "20MiB"]
                for words in (["plan", "bank", "--config", self.config], backup,
                              ["restore", "latest", "--config", self.config, "--yes"],
                              ["verify", "latest", "--config", self.config],
                              ["cleanup", "--config", self.config, "--old", "--yes"],
                              ["show", "latest"], ["dump", "latest", "manifest.json"]):
                    self.watched(*words, "--verbose", env=env, in_environment=name ==
                                 "environment")
                self.assert_not_in_files()

    def watched(self, *arguments, env, in_environment, code=support.OK):
        """Runs the program and reads meanwhile, as ps does, every process of the machine."""
        words = self.words(*arguments)
        started = time.monotonic()
        process = support.start(words, self.env(**env))
        seen = set()
        while process.poll() is None:
            seen |= {(kind, text) for kind, text in processes()
                     if any(secret in text for secret in SEEN)
                     and (kind == "cmdline" or not in_environment)}
            time.sleep(0.002)
        outcome = support.finish(words, process, started, 60)
        self.assertEqual(outcome.code, code, str(outcome))
        self.assertEqual(seen, set(), f"ps shows the password{outcome}")
        for text in (outcome.out, outcome.err):
            for secret in SEEN:
                self.assertNotIn(secret.decode(), text, f"it is printed{outcome}")
        return outcome

    def assert_not_in_files(self):
        """Neither in what we keep nor in the server's log of our statements."""
        paths = [self.server.log]
        left = [path for path in pathlib.Path("/tmp").glob("stillpoint*")
                if not path.name.startswith("stillpoint-e2e-")]  # other tests' folders
        for folder in (self.repo, self.state, *left):
            paths += [path for path in (folder, *folder.glob("**/*")) if path.is_file()]
        ours = {self.file, self.config, self.folder / "pgpass", self.folder / "services"}
        for path in set(paths) - ours:
            if self.server.data in path.parents:
                continue  # the server keeps a hash of it, and the table's own bytes
            try:
                content = path.read_bytes()
            except OSError:
                continue
            for secret in SEEN:
                self.assertNotIn(secret, content, f"in {path}")
        manifest = self.dump("latest", "manifest.json")
        self.assertNotIn(b"hunter2", manifest)

    def test_wrong_password(self):
        """The error tells who was refused, and not by what."""
        self.file.write_text("hunter3 wrong\n")
        self.configured(password_file=self.file)
        error = self.fails("backup", "bank", "--config", self.config, expect=support.FAILURE,
                           code="denied", says=["saver"])
        self.assertNotIn("hunter3", str(error))
        self.configured(self.url("bank", user="saver", password="hunter3 wrong"))
        outcome = self.stillpoint("backup", "bank", "--config", self.config, "--verbose",
                                  expect=support.FAILURE)
        self.assertNotIn("hunter3", outcome.err)
        self.assertNotIn("hunter3%20wrong", outcome.err)

    def test_no_password(self):
        """Nothing hangs on a terminal that is not there."""
        outcome = self.stillpoint("backup", self.bare, "--json", expect=support.FAILURE)
        self.assertIn("password", outcome.error()["message"] + outcome.error()["advice"])
        self.assertLess(outcome.seconds, 20)

    def test_in_a_url_of_the_command_line(self):
        """Who gives it so shows it in `ps` himself; our children and outputs do not."""
        url = self.url("bank", user="saver", password=SECRET)
        words = self.words("backup", url, "--limit-rate", "20MiB", "--verbose")
        process = support.start(words, self.env())
        seen = set()
        while process.poll() is None:
            seen |= {text for kind, text in processes() if any(s in text for s in SEEN)
                     and os.fsencode(support.BINARY) not in text and kind == "cmdline"}
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertEqual(seen, set())
        for secret in SEEN:
            self.assertNotIn(secret.decode(), outcome.out + outcome.err)

    def test_in_errors_of_connecting(self):
        """Also where libpq repeats what it was given."""
        for url in (self.url("nowhere", user="saver", password=SECRET),
                    self.url("bank", user="saver", password=SECRET, port=1),
                    f"postgresql://saver:{QUOTED}@127.0.0.1:{self.server.port}/bank?nosuch=1",
                    f"postgresql://saver:{QUOTED}@127.0.0.1:port/bank",
                    f"postgresql://saver:{QUOTED}@[::1/bank"):
            outcome = self.stillpoint("backup", url, "--verbose", "--json", expect=None)
            self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
            for text in ("hunter2", QUOTED):
                self.assertNotIn(text, outcome.out + outcome.err, str(outcome))


class Tls(postgres_case.PostgresCase):
    hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"

    def setUp(self):
        super().setUp()
        self.server.create("bank", "CREATE TABLE t AS SELECT 1 AS id")
        self.init()
        self.authority("ca")
        self.authority("other_ca")

    def openssl(self, *words):
        postgres.checked(["openssl", *words], cwd=self.folder)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                     "-out", f"{name}.crt")

    def certified(self, name):
        """The server shows a certificate of that name from now on."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-subj", f"/CN={name}", "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "san").write_text(f"subjectAltName=DNS:{name}\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", "server.crt")
        for file in ("server.key", "server.crt"):
            place = self.server.data / file
            place.write_bytes((self.folder / file).read_bytes())
            postgres.give(place, 0o600)
        self.server.settings["ssl"] = "on"
        self.server.restart()

    def secure(self, db="bank", ca="ca", mode="verify-full"):
        return self.url(db, host="localhost", sslmode=mode, sslrootcert=self.folder / f"{ca}.crt")

    def test_right_name(self):
        self.certified("localhost")
        self.backup(self.secure())
        self.stillpoint("restore", "latest", "--to", self.secure("copy"), "--yes")
        self.assert_same(self.url_of_socket("bank"), self.url_of_socket("copy"))
        self.stillpoint("verify", "latest")

    def url_of_socket(self, db):
        return (f"postgresql:///{db}?host={self.server.socket}&port={self.server.port}"
                "&user=postgres")

    def test_wrong_name(self):
        self.certified("elsewhere.example")
        error = self.fails("backup", self.secure(), expect=support.FAILURE,
                           says=["elsewhere.example"])
        self.assertIn("localhost", error["message"])
        self.assertEqual(self.backups(), [])
        # less strict, as asked for: the name does not matter then
        self.backup(self.secure(mode="verify-ca"))

    def test_wrong_authority(self):
        self.certified("localhost")
        self.fails("backup", self.secure(ca="other_ca"), expect=support.FAILURE,
                   says=["certificate"])

    def test_server_without_tls(self):
        """No falling back to plain text, neither ours nor pg_dump's."""
        self.fails("backup", self.secure(), expect=support.FAILURE, says=["ssl"])

    def test_children_ask_for_it_too(self):
        """pg_dump gets the same demands: the server's log shows no session without TLS."""
        self.certified("localhost")
        self.server.settings["log_connections"] = "on"
        self.server.restart()
        self.server.log.write_text("")
        self.backup(self.secure())
        lines = [line for line in self.server.log.read_text().splitlines()
                 if "connection authorized" in line and "database=bank" in line]
        self.assertGreater(len(lines), 1)
        self.assertEqual([line for line in lines if "SSL enabled" not in line], [])

    def test_the_test_can_fail(self):
        """libpq itself refuses the wrong name: certificates and server are what they should be."""
        self.certified("elsewhere.example")
        words = [postgres.BIN / "psql", "-XAtc", "SELECT 1", self.secure()]
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              env=postgres.environment())
        self.assertIn("does not match host name", done.stderr)
        self.certified("localhost")
        self.assertEqual(postgres.checked(words, env=postgres.environment()), "1\n")
