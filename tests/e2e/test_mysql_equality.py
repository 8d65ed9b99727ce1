# SPDX-License-Identifier: Apache-2.0
"""What is restored is what was backed up, as mariadb-dump sees both: in place of the old, beside
it, on another server, in place, single tables and partitions."""

import mysql_case
import support


class Equality(mysql_case.MysqlCase):
    def setUp(self):
        super().setUp()
        self.rental()
        self.init()

    def test_replaces_the_old_and_keeps_it(self):
        before = self.server.dump("rental")
        summary = self.backup(self.url("rental"))
        self.assertEqual(summary["verdict"], "proven", summary)
        self.server.sql("DELETE FROM actor; UPDATE film SET rate = 1; DROP VIEW by_language;"
                        "DROP TRIGGER film_out; ALTER TABLE payment DROP PARTITION p2024", "rental")
        old = self.server.dump("rental")
        outcome = self.stillpoint("restore", "latest", "--yes")
        self.assertEqual(self.server.dump("rental"), before)
        (kept,) = self.kept("rental")
        self.assertIn(kept, outcome.out + outcome.err)
        # What is kept does not run.
        asleep = [line.replace("PRESERVE ENABLE COMMENT", "PRESERVE DISABLE COMMENT")
                  for line in old]
        self.assertEqual(self.server.dump(kept), asleep)
        self.assert_schemas("rental", kept)
        # What came back works.
        self.server.sql("INSERT INTO film(title, language_id, place) VALUES"
                        " ('new', 1, POINT(1, 1))", "rental")
        self.assertEqual(self.server.sql("SELECT what FROM journal ORDER BY id DESC LIMIT 2",
                                         "rental"), "second\nnew")
        self.stillpoint("cleanup", self.url("rental"), "--yes", "--old")
        self.assert_schemas("rental")

    def test_on_another_server_and_back_again(self):
        other = self.new_server(options=("--sql-mode=ANSI_QUOTES", "--default-time-zone=+05:45",
                                         "--event-scheduler=ON"))
        self.backup(self.url("rental"))
        self.restored("latest", "rental", server=other)
        self.assert_same((self.server, "rental"), (other, "rental"))
        outcome = self.stillpoint("verify")
        self.assertEqual(other.schemas(), ["rental"])
        self.assert_schemas("rental", message=str(outcome))

    def test_in_place_into_an_empty_schema(self):
        self.backup(self.url("rental"))
        self.fails("restore", "latest", "--to", self.url("rental"), "--in-place", "--yes",
                   expect=support.FAILURE, code="already_exists", says=["not empty"])
        self.server.create("fresh", how="CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        self.restored("latest", "fresh", "--in-place")
        self.assertEqual(self.server.sql("SELECT COUNT(*) FROM by_language", "fresh"), "3")
        self.assertEqual(self.server.sql("CHECKSUM TABLE film", "fresh").split("\t")[1],
                         self.server.sql("CHECKSUM TABLE film", "rental").split("\t")[1])
        self.assert_schemas("rental", "fresh")

    def test_single_tables_and_partitions(self):
        self.backup(self.url("rental"))
        before = self.server.dump("rental")
        self.server.sql("ALTER TABLE payment TRUNCATE PARTITION p2024; DROP TABLE hashed", "rental")
        for words in (["rental.payment.p2024"], ["rental.hashed"],
                      ["rental.film=rental.film_then", "rental.actor=rental.actor_then"]):
            tables = [word for table in words for word in ("--table", table)]
            self.stillpoint("restore", "latest", *tables, "--yes")
        self.assertEqual(self.server.sql("SELECT COUNT(*) FROM film JOIN film_then USING (title)",
                                         "rental"), "900")
        self.server.sql("DROP TABLE film_then, actor_then", "rental")
        self.assertEqual(self.server.dump("rental"), before)
        self.fails("restore", "latest", "--table", "rental.film", "--yes", expect=support.FAILURE,
                   code="already_exists", says=["rental.film"])

    def test_users_and_several_schemas(self):
        self.server.create("second", "CREATE TABLE of_film (id smallint unsigned, FOREIGN KEY (id)"
                           " REFERENCES rental.film (film_id)); INSERT INTO of_film VALUES (7);"
                           "CREATE VIEW seen AS SELECT title FROM of_film JOIN rental.film"
                           " ON film_id = id")
        before = self.server.dump("second"), self.server.dump("rental")
        self.backup(self.url(schemas="rental,second"))
        self.server.sql("DELETE FROM second.of_film")
        self.stillpoint("restore", "latest", "--yes")
        self.assertEqual((self.server.dump("second"), self.server.dump("rental")), before)
        self.stillpoint("restore", "latest", "--to", self.url(suffix="_night"), "--yes")
        self.assertEqual(self.server.sql("SELECT * FROM second_night.seen"), "film 7")
        self.assertIn("rental_night", self.server.sql("SHOW CREATE TABLE second_night.of_film"))

